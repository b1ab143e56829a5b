"""What stands around a mention, and what its answer must not rest on."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from myna.bot.mention import about, quoted_uri
from myna.db.posts import find_post
from myna.feeds.account import Looked
from myna.feeds.bluesky.text import mentions_of
from myna.post import StoredPost, Use

MOST_ABOVE = 2
"""Posts above that are read: the nearest say what it is about."""


def around(conn: Connection, network: str, own: str, looked: Looked) -> list[str]:
    """What the post replies to, with what that replies to, and what it quotes and shows; nothing of
    Myna's ``own``, nor of authors who let no model read their posts."""
    if looked.above:
        return [one.text for one in looked.above[-MOST_ABOVE:] if one.author.id != own]
    post = find_post(conn, network, looked.uri)
    if post is None:
        return []
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
    if shown := about(post.post.raw):
        texts.append(shown)
    return texts


def no_source(own: str, mention_uri: str) -> Callable[[StoredPost], bool]:
    """Of a post, whether the answer to a mention must not rest on it: it is Myna's own, the mention
    itself, or another question to Myna."""

    def without(stored: StoredPost) -> bool:
        post = stored.post
        return post.author.id == own or post.uri == mention_uri or bool(mentions_of(post.raw, own))

    return without
