"""What the text index keeps of a post: fields, and the document that a post becomes. Pure.

Nothing is stored for reading back: results are read from PostgreSQL, so that deletions hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import tantivy

from myna.index import signatures, terms
from myna.index.language import language
from myna.index.links import domains_of
from myna.index.origins import own_number
from myna.index.query import fold_channel, fold_handle
from myna.index.subjects import person_of, subjects_of
from myna.index.traits import addresses_of, hashtags_of, traits_of
from myna.post import StoredPost, Use

VERSION = f"6.{terms.VERSION}.{signatures.VERSION}"
"""Of fields, analysis and folding together: an index of another version is rebuilt."""

RETRIEVE = "retrieve"
"""Stands in ``refused`` of a post that its author does not want to be found."""
MAX_CHARACTERS = 20_000
"""Of a post's text that are indexed."""
MAX_CONTEXT_CHARACTERS = 600
"""Of the parent's text that are indexed with a reply."""

_MENTION = re.compile(r"(?<![\w@])@(\w(?:[\w.\-]*\w)?(?:@\w[\w.\-]*\w)?)")
_ADDRESSED = re.compile(r"\s*@?([^\s:,@]{2,40}):(?=\s)")


def build_schema() -> tantivy.Schema:
    """The fields. ``refused`` is "retrieve" for posts that must not be found: a search leaves them
    out and can say how many they are. ``id``, ``seq`` and ``account`` are those of the store; times are in milliseconds; ``origin`` is that of
    ``origins``, ``person`` and ``subject`` are those of ``subjects``."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("seq", fast=True)
    builder.add_unsigned_field("account", indexed=True)
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
        "refused",
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
    made.add_unsigned("account", stored.account)
    lang = language(text, post.lang)
    stem = terms.stem_in(text, lang)
    body = terms.index_text(text, stem)
    made.add_text("body", body)
    made.add_unsigned("words", body.count(" ") + 1 if body else 0)
    made.add_text("network", post.network.lower())
    _add(made, "author", {fold_handle(post.author.handle), fold_handle(post.author.id)})
    mentions = mentions_of(text)
    addressed: set[str] = set()
    if ":" in text[:60]:
        addressed = {fold_handle(match[1]) for match in _ADDRESSED.finditer(text, 0, 60)}
    if parent:
        above = parent.post.text[:MAX_CONTEXT_CHARACTERS]
        above_stem = terms.language_of(above, parent.post.lang)
        made.add_text("context", terms.index_text(above, above_stem))
        addressed |= {fold_handle(parent.post.author.handle), fold_handle(parent.post.author.id)}
    elif text.lstrip().startswith("@"):
        addressed.update(mentions[:1])
    _add(made, "to", addressed)
    _add(made, "mentions", set(mentions))
    tags = tags_of(text) | {terms.fold(tag) for tag in hashtags_of(post.raw)} - {""}
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
    if lang:
        made.add_text("lang", lang)
    made.add_text("thread", stored.thread)
    made.add_integer("posted_at", int(stored.posted_at.timestamp() * 1000))
    made.add_unsigned("origin", origin or own_number(stored))
    made.add_unsigned("person", person_of(post.author))
    if Use.RETRIEVE in stored.refused:
        made.add_text("refused", RETRIEVE)
    elif origin in (None, own_number(stored)):
        people = addressed.union(mentions) if post.channel else mentions
        _add(made, "subject", subjects_of(body, post, tags, people, lang=lang or stem))
    for name, count in (("likes", post.likes), ("reposts", post.reposts)):
        made.add_unsigned(name, count)
    return made


def _add(made: tantivy.Document, field: str, values: Iterable[str]) -> None:
    for value in values:
        made.add_text(field, value)


def mentions_of(text: str) -> list[str]:
    """Folded handles that a text names with @, in order. One with its server
    (@ann@example.social) is named by either form."""
    if "@" not in text:
        return []
    named: list[str] = []
    for match in _MENTION.finditer(text):
        whole = fold_handle(match[1])
        named.append(whole)
        if "@" in whole:
            named.append(whole.partition("@")[0])
    return named


def tags_of(text: str) -> set[str]:
    """Folded hashtags of a text, without #."""
    if "#" not in text and "＃" not in text:
        return set()
    return {terms.fold(match[1]) for match in terms.TAGS.finditer(text)} - {""}
