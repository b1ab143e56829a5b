"""What stands around a mention, and what its answer must not rest on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy import Connection

from myna.answer.attached import about, quoted_uri
from myna.answer.task import Address, Task, task_asked
from myna.db.authors import find_author
from myna.db.posts import find_post
from myna.feeds.account import Looked
from myna.feeds.bluesky.text import mentions_of
from myna.post import Author, StoredPost, Use

MOST_ABOVE = 2
"""Posts above that are read: the nearest say what it is about."""


def around(conn: Connection, network: str, own: str, looked: Looked) -> list[str]:
    """What the post replies to, with what that replies to, and what it quotes and shows; nothing of
    Myna's ``own``, nor of authors who let no model read their posts. What the network does not tell
    of it is read in the store."""
    told = [
        one.text
        for one in looked.above[-MOST_ABOVE:]
        if one.author.id != own and not _refuses(conn, one.author)
    ]
    post = find_post(conn, network, looked.uri)
    if post is None:
        return told
    shown = about(post.post.raw)
    return [*(_stored(conn, network, own, post) or told), *([shown] if shown else ())]


def _refuses(conn: Connection, author: Author) -> bool:
    known = find_author(conn, author.network, author.id)
    return known is not None and Use.GENERATE in known.refused


def _stored(conn: Connection, network: str, own: str, post: StoredPost) -> list[str]:
    """What the store has of what a post replies to and quotes."""
    texts: list[str] = []
    for uri in (post.post.reply_to, quoted_uri(post.post.raw)):
        near = find_post(conn, network, uri) if uri else None
        if near is None or near.post.author.id == own:
            continue
        above = find_post(conn, network, near.post.reply_to or "")
        texts += [
            f"{one.post.text} {about(one.post.raw)}".strip()
            for one in (above, near)
            if one and one.post.author.id != own and Use.GENERATE not in one.refused
        ]
    return texts


def told_of(
    conn: Connection, network: str, own: str, looked: Looked, text: str
) -> tuple[Task, bytes] | None:
    """What a mention wants told of the post above it (or of what it quotes), with a key that is equal for
    all who want the same of the same post; None where it asks something else, or the store has no such
    post."""
    kind = task_asked(text)
    if kind is None:
        return None
    post = find_post(conn, network, looked.uri)
    uris = [one.uri for one in looked.above[-1:]]
    if post is not None:
        uris += filter(None, (post.post.reply_to, quoted_uri(post.post.raw)))
    for uri in uris:
        above = find_post(conn, network, uri)
        if above is None or above.post.author.id == own:
            continue
        about = {"thread": above.thread, "profile": above.post.author.id}.get(kind, uri)
        key = hashlib.blake2b(f"{kind} {about}".encode(), digest_size=16).digest()
        return Task(kind, Address((uri,), network), brief=True), key
    return None


def no_source(own: str, mention_uri: str) -> Callable[[StoredPost], bool]:
    """Of a post, whether the answer to a mention must not rest on it: it is Myna's own, the mention
    itself, or another question to Myna."""

    def without(stored: StoredPost) -> bool:
        post = stored.post
        return post.author.id == own or post.uri == mention_uri or bool(mentions_of(post.raw, own))

    return without
