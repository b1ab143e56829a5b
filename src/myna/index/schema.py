"""What the text index keeps of a post: fields, and the document that a post becomes. Pure.

Nothing is stored for reading back: results are read from PostgreSQL, so that deletions hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import tantivy

from myna.index import signatures, terms
from myna.index.origins import own_number
from myna.index.query import fold_channel, fold_domain, fold_handle
from myna.index.subjects import person_of, subjects_of
from myna.index.traits import addresses_of, traits_of
from myna.post import StoredPost

VERSION = f"3.{terms.VERSION}.{signatures.VERSION}"
"""Of fields, analysis and folding together: an index of another version is rebuilt."""

MAX_CHARACTERS = 20_000
"""Of a post's text that are indexed."""
MAX_CONTEXT_CHARACTERS = 600
"""Of the parent's text that are indexed with a reply."""

_MENTION = re.compile(r"(?<![\w@])@([\w][\w.\-]*\w|\w)")
_ADDRESSED = re.compile(r"\s*@?([^\s:,@]{2,40}):(?=\s)")
_TAG = re.compile(r"(?<![\w&/#])#(\w[\w'’\-]*)")
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>()\"]+", re.IGNORECASE)


def build_schema() -> tantivy.Schema:
    """The fields. ``id`` is that of the store; times are in milliseconds; ``origin`` is that of
    ``origins``, ``person`` and ``subject`` are those of ``subjects``."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("seq", fast=True)
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("context", tokenizer_name="whitespace", index_option="freq")
    for name in (
        "network",
        "author",
        "to",
        "mentions",
        "tag",
        "domain",
        "channel",
        "thread",
        "lang",
        "has",
    ):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("posted_at", indexed=True, fast=True)
    for name in ("likes", "reposts", "words", "origin"):
        builder.add_unsigned_field(name, indexed=True, fast=True)
    builder.add_unsigned_field("person", fast=True)
    builder.add_text_field("subject", tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()


def document(
    stored: StoredPost, parent: StoredPost | None, origin: int | None = None
) -> tantivy.Document:
    """The document of a live post; ``parent`` is the post that it replies to, if that is live;
    ``origin`` is what it was folded under, None where it is its own origin."""
    post = stored.post
    text = post.text[:MAX_CHARACTERS]
    made = tantivy.Document()
    made.add_unsigned("id", stored.id)
    made.add_unsigned("seq", stored.seq)
    body = terms.index_text(text, post.lang)
    made.add_text("body", body)
    made.add_unsigned("words", body.count(" ") + 1 if body else 0)
    made.add_text("network", post.network.lower())
    _add(made, "author", {fold_handle(post.author.handle), fold_handle(post.author.id)})
    mentions = mentions_of(text)
    addressed = {fold_handle(match[1]) for match in _ADDRESSED.finditer(text, 0, 60)}
    if parent:
        made.add_text(
            "context",
            terms.index_text(parent.post.text[:MAX_CONTEXT_CHARACTERS], parent.post.lang),
        )
        addressed |= {fold_handle(parent.post.author.handle), fold_handle(parent.post.author.id)}
    elif text.lstrip().startswith("@"):
        addressed.update(mentions[:1])
    _add(made, "to", addressed)
    _add(made, "mentions", set(mentions))
    tags = tags_of(text)
    _add(made, "tag", tags)
    domains = domains_of(" ".join([text, *addresses_of(post.raw)]) if post.raw else text)
    _add(made, "domain", domains)
    traits = traits_of(post)
    traits |= {"links"} if domains else set()
    traits |= {"tags"} if tags else set()
    traits |= {"mentions"} if mentions else set()
    _add(made, "has", traits)
    if post.channel:
        made.add_text("channel", fold_channel(post.channel))
    if post.lang:
        made.add_text("lang", post.lang.partition("-")[0].lower())
    made.add_text("thread", stored.thread)
    made.add_integer("posted_at", int(stored.posted_at.timestamp() * 1000))
    made.add_unsigned("origin", origin or own_number(stored))
    made.add_unsigned("person", person_of(post.author))
    if origin in (None, own_number(stored)):
        people = addressed.union(mentions) if post.channel else mentions
        _add(made, "subject", subjects_of(body, post, tags, people))
    made.add_unsigned("likes", post.likes)
    made.add_unsigned("reposts", post.reposts)
    return made


def _add(made: tantivy.Document, field: str, values: Iterable[str]) -> None:
    for value in values:
        made.add_text(field, value)


def mentions_of(text: str) -> list[str]:
    """Folded handles that a text names with @, in order."""
    return [fold_handle(match[1]) for match in _MENTION.finditer(text)] if "@" in text else []


def tags_of(text: str) -> set[str]:
    """Folded hashtags of a text, without #."""
    return {terms.fold(match[1]) for match in _TAG.finditer(text)} if "#" in text else set()


def domains_of(text: str) -> set[str]:
    """Hosts of a text's links, and the domains above each: help.ubuntu.com and ubuntu.com."""
    domains: set[str] = set()
    for match in _LINK.finditer(text):
        labels = fold_domain(match.group()).split(".")
        domains.update(".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))
    return domains - {""}
