"""What the text index keeps of a post: fields, and the document that a post becomes. Pure.

Nothing is stored for reading back: results are read from PostgreSQL, so that deletions hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import tantivy

from myna.index import signatures, terms
from myna.index.links import domains_of
from myna.index.origins import own_number
from myna.index.parents import Above
from myna.index.query import Atom, Part, fold_channel, fold_handle
from myna.index.recent import Recent
from myna.index.subjects import person_of, subjects_of
from myna.index.traits import addresses_of, hashtags_of, traits_of
from myna.index.words import MAX_CHARACTERS, Words
from myna.post import StoredPost, Use

VERSION = f"8.{terms.VERSION}.{signatures.VERSION}"
"""Of fields, analysis and folding together: an index of another version is rebuilt."""

PEOPLE = ("author", "to", "mentions")
"""Fields of names: who wrote a post, whom it speaks to, whom it names."""

RETRIEVE = "retrieve"
"""Stands in ``refused`` of a post that its author does not want to be found."""

_CACHE_NAMES = 50_000
_MENTION = re.compile(r"(?<![\w@])@(\w(?:[\w.\-]*\w)?(?:@\w[\w.\-]*\w)?)")
_ADDRESSED = re.compile(r"\s*@?([^\s:,@]{2,40}):(?=\s)")


def build_schema() -> tantivy.Schema:
    """The fields. ``refused`` is "retrieve" for posts that must not be found: a search leaves them
    out and can say how many they are. ``id``, ``seq`` and ``account`` are those of the store; times
    are in milliseconds; ``origin`` is that of ``origins``, ``person`` and ``subject`` are those of
    ``subjects``, ``thread`` is that of ``thread_number``, ``PEOPLE`` are ``name_number``s. Spans of
    times and counts are looked up in their columns; entries of their values would cost a tenth of
    the writing and merging."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("seq", fast=True)
    builder.add_unsigned_field("account", indexed=True)
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("context", tokenizer_name="whitespace", index_option="freq")
    for name in (
        "network",
        "tag",
        "domain",
        "channel",
        "lang",
        "has",
        "refused",
    ):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*PEOPLE, "thread"):
        builder.add_unsigned_field(name, indexed=True)
    builder.add_unsigned_field("origin", indexed=True, fast=True)
    builder.add_integer_field("posted_at", fast=True)
    for name in ("likes", "reposts", "words", "person"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_text_field("subject", tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()


class Fields(NamedTuple):
    """What the index keeps of a live post."""

    id: int
    seq: int
    account: int
    body: str
    """Its terms, with a space between them."""
    words: int
    context: str
    """The terms of what it replies to."""
    network: str
    author: list[int]
    to: list[int]
    mentions: list[int]
    tag: list[str]
    domain: list[str]
    has: list[str]
    channel: str
    lang: str
    thread: int
    posted_at: int
    person: int
    own: int
    """Its own number as an origin."""
    refused: bool
    """Its author does not want it to be found."""
    subject: list[str]
    """Where it is its own origin."""
    likes: int
    reposts: int


def fields_of(stored: StoredPost, words: Words, above: Above | None) -> Fields:
    """Of a live post with its ``words``; ``above`` is of the post that it replies to, if that is
    live."""
    post = stored.post
    text = post.text[:MAX_CHARACTERS]
    raw = post.raw
    mentions = mentions_of(text)
    addressed = _addressed(text, mentions, above)
    tags = tags_of(text)
    if raw:
        tags |= {terms.fold(tag) for tag in hashtags_of(raw)} - {""}
    domains = domains_of(" ".join([text, *addresses_of(raw)]) if raw else text)
    has = traits_of(post)
    for trait, shown in (("links", domains), ("tags", tags), ("mentions", mentions)):
        if shown:
            has.add(trait)
    refused = bool(stored.refused and Use.RETRIEVE in stored.refused)
    subjects: list[str] = []
    if not refused:
        people = addressed.union(mentions) if post.channel else mentions
        subjects = subjects_of(words, post, tags, people)
    author = post.author
    return Fields(
        id=stored.id,
        seq=stored.seq,
        account=stored.account,
        body=words.body,
        words=len(words.terms),
        context=above.context if above else "",
        network=post.network.lower(),
        author=list({_numbers[author.handle], _numbers[author.id]}),
        to=[_numbers[name] for name in addressed],
        mentions=[_numbers[name] for name in set(mentions)],
        tag=list(tags),
        domain=list(domains),
        has=list(has),
        channel=fold_channel(post.channel) if post.channel else "",
        lang=words.lang or "",
        thread=thread_number(stored.thread),
        posted_at=int(stored.posted_at.timestamp() * 1000),
        person=person_of(author.network, author.id),
        own=own_number(stored),
        refused=refused,
        subject=subjects,
        likes=post.likes,
        reposts=post.reposts,
    )


def document(fields: Fields, origin: int) -> tantivy.Document:
    """The document of a post that is folded under ``origin``."""
    made = tantivy.Document()
    add, number = made.add_text, made.add_unsigned
    number("id", fields.id)
    number("seq", fields.seq)
    number("account", fields.account)
    add("body", fields.body)
    number("words", fields.words)
    if fields.context:
        add("context", fields.context)
    add("network", fields.network)
    for person in fields.author:
        number("author", person)
    for person in fields.to:
        number("to", person)
    for person in fields.mentions:
        number("mentions", person)
    for tag in fields.tag:
        add("tag", tag)
    for domain in fields.domain:
        add("domain", domain)
    for trait in fields.has:
        add("has", trait)
    if fields.channel:
        add("channel", fields.channel)
    if fields.lang:
        add("lang", fields.lang)
    number("thread", fields.thread)
    made.add_integer("posted_at", fields.posted_at)
    number("origin", origin)
    number("person", fields.person)
    if fields.refused:
        add("refused", RETRIEVE)
    elif origin == fields.own:
        for subject in fields.subject:
            add("subject", subject)
    number("likes", fields.likes)
    number("reposts", fields.reposts)
    return made


class _Numbers(Recent[int]):
    """Handle → its number."""

    def make(self, word: str) -> int:
        """A handle's number."""
        return name_number(word)


_numbers = _Numbers(_CACHE_NAMES)


def name_number(handle: str) -> int:
    """48 bits that stand for a handle or an account's id, folded here: they are long, and their own
    entries in the index were a seventh of its work."""
    folded = fold_handle(handle).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(folded, digest_size=6).digest(), "little")


def thread_number(thread: str) -> int:
    """64 bits that stand for a thread: its address is long, and its own entry in the index."""
    digest = blake2b(thread.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def entry_of(atom: Atom) -> tuple[str, str | int]:
    """Field and value that a part of a query is looked up by: any but words, phrases and those of
    which the beginning is enough."""
    if atom.part is Part.THREAD:
        return "thread", thread_number(atom.value)
    field = "author" if atom.part is Part.FROM else atom.part.value
    return field, name_number(atom.value) if field in PEOPLE else atom.value


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
