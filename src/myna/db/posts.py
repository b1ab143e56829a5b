"""Reading posts. Whatever Myna shows of a post passes through here at the moment it is shown, so
that a deletion holds at once everywhere: chats, search and answers keep numbers, never text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from myna.db.changes import apply_events
from myna.db.counts import Counts, counts
from myna.db.drafts import Applied
from myna.db.engine import driver_of
from myna.db.sources import SourceState, list_sources, load_cursor, save_cursor
from myna.post import ALL_USES, Author, Post, State, StoredPost, Use

__all__ = [
    "VISIBLE",
    "Applied",
    "Counts",
    "SourceState",
    "apply_events",
    "counts",
    "find_post",
    "get_parents",
    "get_posts",
    "get_replies",
    "get_stale_replies",
    "get_thread",
    "last_seq",
    "list_sources",
    "load_cursor",
    "posts_of_account",
    "read_before",
    "read_changes",
    "read_engaged",
    "read_gone",
    "read_trainable",
    "save_cursor",
    "store_id",
    "which_live",
]

VISIBLE = "p.state = 'live' and a.state = 'live' and p.id > a.purged_to and (a.refused & 1) = 0"
"""Of a post ``p`` and its author ``a``: whether it may be shown."""

_COLUMNS = """
    p.id, p.seq, case when p.id <= a.purged_to then 'deleted' else p.state end, p.network, p.uri, a.author, a.handle, a.name, a.is_bot, p.text,
    p.created_at, p.reply_to, p.lang, p.channel, p.url, p.likes, p.reposts, p.revision, p.raw,
    p.thread, p.indexed_at, p.edited_at, a.id as account, a.refused
"""

_WITH_AUTHOR = """left join lateral (
        select * from authors where id = p.author_id limit 1
    ) a on true"""
"""Row by row, and never as a join that PostgreSQL may plan: it began with all authors, 60 ms for
2,000 posts where there are 140,000 of them, or, without statistics of a young store, took 190 ms for
64 posts; this takes 4 and 2."""

_READ_CHANGES = f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.seq > %s order by p.seq limit %s
"""

_READ_BEFORE = f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.id < %s and p.state = 'live' order by p.id desc limit %s
"""

_READ_ENGAGED = text(
    f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.seq > :after and p.seq <= :to and p.state = 'live' and (
        p.likes + p.reposts > 0
        or exists (
            select from posts r
            where r.network = p.network and r.reply_to = p.uri and r.state = 'live' and r.id <> p.id
        )
    )
    order by p.seq desc limit :limit
    """
)

_GET_POSTS = text(
    f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.id = any(:ids) and {VISIBLE}
    """
)

# As a join, the plan that PostgreSQL keeps for it may begin with all authors: a second and more.
_WHICH_LIVE = text(
    f"""
    select p.id from posts p
    where p.id = any(:ids) and (select {VISIBLE} from authors a where a.id = p.author_id)
    """
)

_READ_TRAINABLE = text(
    f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.id > :after and p.state = 'live' and a.state = 'live' and p.id > a.purged_to
        and (a.refused & 8) = 0
    order by p.id limit :limit
    """
)

_FIND_POST = text(
    f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.network = :network and p.uri = :uri and {VISIBLE}
    """
)

_GET_PARENTS = text(
    f"""
    select {_COLUMNS}, k.child
    from unnest(cast(:ids as bigint[]), cast(:networks as text[]), cast(:parents as text[]))
        as k(child, network, uri)
    cross join lateral (
        select * from posts where network = k.network and uri = k.uri and id <> k.child limit 1
    ) p
    {_WITH_AUTHOR}
    where {VISIBLE}
    """
)

_GET_REPLIES = text(
    f"""
    select {_COLUMNS}, k.parent
    from unnest(cast(:ids as bigint[]), cast(:networks as text[]), cast(:uris as text[]))
        as k(parent, network, uri)
    cross join lateral (
        select p.* from posts p {_WITH_AUTHOR}
        where p.network = k.network and p.reply_to = k.uri and {VISIBLE} and p.id <> k.parent
        order by least(p.created_at, p.indexed_at), p.id
        limit :per_post
    ) p
    {_WITH_AUTHOR}
    order by least(p.created_at, p.indexed_at), p.id
    """
)

_GET_STALE_REPLIES = f"""
    select {_COLUMNS}
    from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) as k(parent, seq, network, uri)
    cross join lateral (
        select * from posts r
        where r.network = k.network and r.reply_to = k.uri and r.state = 'live'
            and r.id <> k.parent and r.seq < k.seq
        order by r.id
        limit %s
    ) p
    {_WITH_AUTHOR}
"""

_GET_THREAD = text(
    f"""
    select {_COLUMNS} from posts p {_WITH_AUTHOR}
    where p.network = :network and (p.uri = :thread or p.thread = :thread and p.thread <> p.uri)
        and (p.state = 'deleted' or {VISIBLE})
    order by least(p.created_at, p.indexed_at), p.id
    limit :limit
    """
)


def read_changes(conn: Connection, after: int, limit: int) -> list[StoredPost]:
    """The next changes behind sequence number ``after``, in order: each post once, as it is now.

    A hidden or deleted post comes without text and raw record: the index takes it out. The posts
    of a hidden account come whole: they stay in the index, and a search leaves the account out.
    """
    rows = driver_of(conn).execute(_READ_CHANGES, (after, limit))
    return [_stored(row) for row in rows.fetchall()]


def read_before(conn: Connection, id: int, limit: int) -> list[StoredPost]:
    """The next live posts below an id, the newest first."""
    rows = driver_of(conn).execute(_READ_BEFORE, (id, limit))
    return [_stored(row) for row in rows.fetchall()]


def read_engaged(conn: Connection, after: int, to: int, limit: int) -> list[StoredPost]:
    """The newest changes ``(after, to]`` of live posts that somebody liked, reposted or answered,
    newest first."""
    rows = conn.execute(_READ_ENGAGED, {"after": after, "to": to, "limit": limit})
    return [_stored(row) for row in rows]


def read_gone(conn: Connection, after: int, to: int) -> list[tuple[int, int]]:
    """Id and change of the posts among the changes ``(after, to]`` that are not live."""
    rows = conn.execute(
        text("select id, seq from posts where seq > :after and seq <= :to and state <> 'live'"),
        {"after": after, "to": to},
    )
    return [(row.id, row.seq) for row in rows]


def read_trainable(conn: Connection, after: int, limit: int) -> list[StoredPost]:
    """The next live posts behind id ``after`` whose authors allow training, by id."""
    rows = conn.execute(_READ_TRAINABLE, {"after": after, "limit": limit})
    return [_stored(row) for row in rows]


def last_seq(conn: Connection) -> int:
    """The number of the latest committed change; 0 in an empty store."""
    return conn.execute(text("select last_seq from change_counter")).scalar_one()


def seq_before(conn: Connection, since: datetime) -> int:
    """The number of a change behind which all posts are that came in from ``since`` on. It reads as
    many rows as there are."""
    return conn.execute(
        text(
            """
            select coalesce(
                (select min(seq) - 1 from posts where id > coalesce(
                    (select id from posts where indexed_at < :since order by id desc limit 1), 0
                )),
                (select last_seq from change_counter)
            )
            """
        ),
        {"since": since},
    ).scalar_one()


def store_id(conn: Connection) -> UUID:
    """What tells this store from another: an index that was made from another is stale."""
    return conn.execute(text("select store_id from change_counter")).scalar_one()


def get_posts(conn: Connection, ids: Sequence[int]) -> dict[int, StoredPost]:
    """The live ones among ``ids``."""
    if not ids:
        return {}
    return {row.id: _stored(row) for row in conn.execute(_GET_POSTS, {"ids": list(ids)})}


def which_live(conn: Connection, ids: Sequence[int]) -> set[int]:
    """Those of ``ids`` that may be shown."""
    if not ids:
        return set()
    return set(conn.execute(_WHICH_LIVE, {"ids": list(ids)}).scalars())


def find_post(conn: Connection, network: str, uri: str) -> StoredPost | None:
    """The live post with this URI, if there is one."""
    if "\x00" in network or "\x00" in uri:
        return None
    row = conn.execute(_FIND_POST, {"network": network, "uri": uri}).one_or_none()
    return _stored(row) if row else None


def get_parents(conn: Connection, posts: Sequence[StoredPost]) -> dict[int, StoredPost]:
    """Child's id → the live post that it replies to."""
    children = [post for post in posts if post.post.reply_to]
    if not children:
        return {}
    rows = conn.execute(
        _GET_PARENTS,
        {
            "ids": [child.id for child in children],
            "networks": [child.post.network for child in children],
            "parents": [child.post.reply_to for child in children],
        },
    )
    return {row.child: _stored(row) for row in rows}


def get_replies(
    conn: Connection, posts: Sequence[StoredPost], per_post: int
) -> dict[int, list[StoredPost]]:
    """Parent's id → its first ``per_post`` live replies, oldest first; every parent is there."""
    replies: dict[int, list[StoredPost]] = {post.id: [] for post in posts}
    if not posts:
        return replies
    rows = conn.execute(
        _GET_REPLIES,
        {
            "ids": [post.id for post in posts],
            "networks": [post.post.network for post in posts],
            "uris": [post.post.uri for post in posts],
            "per_post": per_post,
        },
    )
    for row in rows:
        replies[row.parent].append(_stored(row))
    return replies


def get_stale_replies(
    conn: Connection, changes: Sequence[StoredPost], per_post: int
) -> list[StoredPost]:
    """Live replies that were there before these changes of what they reply to, at most
    ``per_post`` of each: what is kept with them of its text is out of date."""
    rows = driver_of(conn).execute(
        _GET_STALE_REPLIES,
        (
            [post.id for post in changes],
            [post.seq for post in changes],
            [post.post.network for post in changes],
            [post.post.uri for post in changes],
            per_post,
        ),
    )
    return [_stored(row) for row in rows.fetchall()]


def get_thread(conn: Connection, network: str, thread_uri: str, limit: int) -> list[StoredPost]:
    """The thread's first ``limit`` posts, oldest first; deleted ones are there without text."""
    if "\x00" in network or "\x00" in thread_uri:
        return []
    rows = conn.execute(_GET_THREAD, {"network": network, "thread": thread_uri, "limit": limit})
    return [_stored(row) for row in rows]


def posts_of_account(conn: Connection, network: str, author: str) -> list[tuple[str, str]]:
    """URI and revision of an account's posts that are not deleted."""
    rows = driver_of(conn).execute(
        """
        select p.uri, p.revision from authors a join posts p on p.author_id = a.id
        where a.network = %s and a.author = %s and p.state <> 'deleted' and p.id > a.purged_to
        """,
        (network, author),
    )
    return [(row[0], row[1]) for row in rows.fetchall()]


_STATES = {state.value: state for state in State}
_USES = [Use(bits) for bits in range(ALL_USES + 1)]


def _stored(row: Sequence[Any]) -> StoredPost:
    """The post of a row that begins with ``_COLUMNS``."""
    (
        id, seq, state, network, uri, author, handle, name, is_bot, words, created_at, reply_to,
        lang, channel, url, likes, reposts, revision, raw, thread, indexed_at, edited_at,
        account, refused,
    ) = row[:24]  # fmt: skip
    visible = state == "live"
    if state == "deleted":
        author = handle = name = ""
    return StoredPost(
        id=id,
        seq=seq,
        state=_STATES[state],
        post=Post(
            network=network,
            uri=uri,
            author=Author(network, author or "", handle or "", name or "", bool(is_bot)),
            text=words if visible else "",
            created_at=created_at,
            reply_to=reply_to,
            lang=lang,
            channel=channel,
            url=url,
            likes=likes,
            reposts=reposts,
            revision=revision,
            raw=raw if visible else {},
        ),
        thread=thread,
        indexed_at=indexed_at,
        edited_at=edited_at,
        account=account or 0,
        refused=_USES[refused or 0],
    )
