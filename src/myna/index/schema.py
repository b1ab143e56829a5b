"""What the text index keeps of a post: fields, and the document that a post becomes. Pure.

Nothing is stored for reading back: results are read from PostgreSQL, so that deletions hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import tantivy

from myna.index import signatures, terms
from myna.index.links import domains_of
from myna.index.origins import own_number
from myna.index.parents import Above
from myna.index.query import fold_channel, fold_handle
from myna.index.subjects import person_of, subjects_of
from myna.index.traits import addresses_of, hashtags_of, traits_of
from myna.index.words import MAX_CHARACTERS, Words
from myna.post import StoredPost, Use

VERSION = f"7.{terms.VERSION}.{signatures.VERSION}"
"""Of fields, analysis and folding together: an index of another version is rebuilt."""

RETRIEVE = "retrieve"
"""Stands in ``refused`` of a post that its author does not want to be found."""

_MENTION = re.compile(r"(?<![\w@])@(\w(?:[\w.\-]*\w)?(?:@\w[\w.\-]*\w)?)")
_ADDRESSED = re.compile(r"\s*@?([^\s:,@]{2,40}):(?=\s)")


def build_schema() -> tantivy.Schema:
    """The fields. ``refused`` is "retrieve" for posts that must not be found: a search leaves them
    out and can say how many they are. ``id``, ``seq`` and ``account`` are those of the store; times are in milliseconds; ``origin`` is that of
    ``origins``, ``person`` and ``subject`` are those of ``subjects``, ``thread`` is that of
    ``thread_number``. Spans of times and counts are looked up in their columns; entries of their
    values would cost a tenth of the writing and merging."""
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
        "lang",
        "has",
        "refused",
    ):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("thread", indexed=True)
    builder.add_unsigned_field("origin", indexed=True, fast=True)
    builder.add_integer_field("posted_at", fast=True)
    for name in ("likes", "reposts", "words", "person"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_text_field("subject", tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()


def document(
    stored: StoredPost, words: Words, above: Above | None, origin: int | None = None
) -> tantivy.Document:
    """The document of a live post with its ``words``; ``above`` is of the post that it replies to,
    if that is live; ``origin`` is what it was folded under, None where it is its own origin."""
    post = stored.post
    text = post.text[:MAX_CHARACTERS]
    raw = post.raw
    made = tantivy.Document()
    add = made.add_text
    made.add_unsigned("id", stored.id)
    made.add_unsigned("seq", stored.seq)
    made.add_unsigned("account", stored.account)
    add("body", words.body)
    made.add_unsigned("words", len(words.terms))
    add("network", post.network.lower())
    _add(made, "author", {fold_handle(post.author.handle), fold_handle(post.author.id)})
    mentions = mentions_of(text)
    addressed = _addressed(text, mentions, above)
    if above:
        add("context", above.context)
    _add(made, "to", addressed)
    _add(made, "mentions", set(mentions))
    tags = tags_of(text)
    if raw:
        tags |= {terms.fold(tag) for tag in hashtags_of(raw)} - {""}
    _add(made, "tag", tags)
    domains = domains_of(" ".join([text, *addresses_of(raw)]) if raw else text)
    _add(made, "domain", domains)
    _add(made, "has", traits_of(post))
    for trait, shown in (("links", domains), ("tags", tags), ("mentions", mentions)):
        if shown:
            add("has", trait)
    if post.channel:
        add("channel", fold_channel(post.channel))
    if words.lang:
        add("lang", words.lang)
    made.add_unsigned("thread", thread_number(stored.thread))
    made.add_integer("posted_at", int(stored.posted_at.timestamp() * 1000))
    own = own_number(stored)
    made.add_unsigned("origin", origin or own)
    made.add_unsigned("person", person_of(post.author))
    if stored.refused and Use.RETRIEVE in stored.refused:
        add("refused", RETRIEVE)
    elif origin is None or origin == own:
        people = addressed.union(mentions) if post.channel else mentions
        _add(made, "subject", subjects_of(words, post, tags, people))
    made.add_unsigned("likes", post.likes)
    made.add_unsigned("reposts", post.reposts)
    return made


def thread_number(thread: str) -> int:
    """64 bits that stand for a thread: its address is long, and its own entry in the index."""
    digest = blake2b(thread.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _addressed(text: str, mentions: Sequence[str], above: Above | None) -> set[str]:
    """Whom a post speaks to, folded."""
    people: set[str] = set()
    if ":" in text[:60]:
        people = {fold_handle(match[1]) for match in _ADDRESSED.finditer(text, 0, 60)}
    if above:
        people |= above.people
    elif mentions and text.lstrip().startswith("@"):
        people.add(mentions[0])
    return people


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
