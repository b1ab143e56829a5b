"""Writing what happened: events become rows, each change under the next number of one sequence.

A writer locks the row of ``change_counter`` until its transaction ends. So numbers are given in
the order of commits, none is skipped, and whoever has read up to ``n`` will never see a change
below ``n`` appear. Between taking the lock and the commit this module is the only writer of posts
and authors, so it may read what is there, decide in Python, and write without conflicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Connection

from myna.db.accounts import apply_account_events
from myna.db.authors import Authors, apply_profiles
from myna.db.content import Content, clean_event
from myna.db.counts import add_counts
from myna.db.drafts import Applied, Draft, Key, draft_of, find_thread
from myna.db.engagements import apply_engagements, forget_engagements
from myna.db.engine import driver_of
from myna.db.profiles import apply_rules
from myna.db.withheld import sort_out
from myna.post import (
    ACCOUNT_KINDS,
    ENGAGEMENT_KINDS,
    Author,
    Event,
    Kind,
    State,
)


def apply_events(conn: Connection, events: Sequence[Event], *, now: datetime) -> Applied:
    """Write ``events`` in their order; applying the same ones again changes nothing. A post that
    is past retention, or whose author's account was purged, does not come in.

    Everything else that writes posts waits until the caller's transaction ends: keep it short.

    Raises:
        InvalidRequest: a network, URI or author id is empty or too long to be indexed.
    """
    whole = len(events)
    events = sort_out(conn, events)
    applied = Applied(unchanged=whole - len(events))
    first = [event for event in events if event.kind not in _AFTER]
    for of_accounts, run in groupby(first, key=lambda event: event.kind in ACCOUNT_KINDS):
        apply = apply_account_events if of_accounts else _apply_posts
        applied += apply(conn, list(run), now=now)
    if len(first) == len(events):
        return applied
    for kinds in (_PROFILES, ENGAGEMENT_KINDS, _RULES):
        if told := [event for event in events if event.kind in kinds]:
            applied += _AFTER_POSTS[kinds](conn, told)
    return applied


_PROFILES, _RULES = frozenset({Kind.PROFILE}), frozenset({Kind.RULE})
_AFTER_POSTS = {
    _PROFILES: apply_profiles,
    ENGAGEMENT_KINDS: apply_engagements,
    _RULES: apply_rules,
}
_AFTER = frozenset().union(*_AFTER_POSTS)
"""What may come before its post: it is laid over the batch's posts."""


def _apply_posts(conn: Connection, events: Sequence[Event], *, now: datetime) -> Applied:
    contents = [clean_event(event) for event in events]
    batch = _Batch(conn, now)
    batch.lock()
    drafts = batch.load(contents)
    known = {key: draft.thread for key, draft in drafts.items()}
    authors: dict[Key, Author] = {}
    past = 0
    for content in contents:
        key = (content.network, content.uri)
        draft = drafts.get(key)
        if batch.is_purged(content) or (draft is None and batch.is_past(content)):
            past += 1
            continue
        if draft is None:
            draft = drafts[key] = draft_of(content)
            won = True
        else:
            won = draft.lay(content)
        if won:
            drafts[key] = drafts.pop(key)  # the order of the latest changes is the order of seq
            if content.post:
                authors[content.network, content.post.author.id] = content.post.author
    applied = sum((draft.settle() for draft in drafts.values()), Applied(unchanged=past))
    changed = [draft for draft in drafts.values() if draft.changed]
    new = [draft for draft in changed if draft.id is None]
    fresh = {draft.key: draft.reply_to for draft in new}
    for draft in new:
        draft.thread = find_thread(draft.key, fresh, known)
    batch.move_threads(draft for draft in new if draft.thread != draft.key[1])
    batch.authors.seq = batch.seq
    ids = batch.authors.save(authors)
    batch.seq = batch.authors.seq
    batch.write(changed, ids)
    return applied


@dataclass(slots=True)
class _Batch:
    """The statements of one ``apply_events``, on the driver's connection: COPY needs it."""

    conn: Connection
    now: datetime
    seq: int = 0
    keep_after: datetime | None = None
    authors: Authors = field(init=False)
    pg: psycopg.Connection[TupleRow] = field(init=False)

    def __post_init__(self) -> None:
        self.pg = driver_of(self.conn)

    def lock(self) -> None:
        """Lock the counter: from here on this is the only writer."""
        row = self.pg.execute(
            "select last_seq, keep_after from change_counter for update"
        ).fetchone()
        assert row is not None
        self.seq, self.keep_after = row
        self.authors = Authors(self.pg, self.seq)

    def load(self, contents: Sequence[Content]) -> dict[Key, Draft]:
        """Read what the store has of the events' posts, parents, authors."""
        self.authors.load({(one.network, one.post.author.id) for one in contents if one.post})
        keys = {(content.network, content.uri) for content in contents}
        keys |= {
            (content.network, content.post.reply_to)
            for content in contents
            if content.post and content.post.reply_to
        }
        rows = self.pg.execute(
            """
            select p.network, p.uri, p.id, p.state, p.revision, p.fingerprint, p.thread
            from unnest(%s::text[], %s::text[]) as k(network, uri)
            cross join lateral (
                select * from posts where network = k.network and uri = k.uri limit 1
            ) p
            """,
            (list(map(_first, keys)), list(map(_second, keys))),
        )
        return {
            (network, uri): Draft(
                (network, uri),
                id,
                State(state),
                revision,
                fingerprint,
                thread,
                stored=(State(state), fingerprint),
            )
            for network, uri, id, state, revision, fingerprint, thread in rows
        }

    def is_purged(self, content: Content) -> bool:
        """Whether this is a post of an account that was deleted."""
        if content.post is None:
            return False
        author = self.authors.stored.get((content.network, content.post.author.id))
        return author is not None and author.state == "purged"

    def is_past(self, content: Content) -> bool:
        """Whether a post is older than what retention keeps: it was here and went, or never was."""
        horizon = self.keep_after
        return bool(horizon and content.post and content.post.created_at < horizon)

    def move_threads(self, roots: Iterable[Draft]) -> None:
        """Move what stood under a post that turned out to be a reply to where the post stands."""
        moves = [(draft.key, draft.thread) for draft in roots]
        if not moves:
            return
        self.seq += self.pg.execute(
            """
            update posts set thread = v.thread, seq = %s + v.n
            from (
                select p.id, m.thread, row_number() over (order by p.id) as n
                from unnest(%s::text[], %s::text[], %s::text[]) as m(network, uri, thread)
                join posts p on p.network = m.network and p.thread = m.uri and p.thread <> p.uri
            ) v
            where posts.id = v.id
            """,
            (
                self.seq,
                [network for (network, _), _ in moves],
                [uri for (_, uri), _ in moves],
                [thread for _, thread in moves],
            ),
        ).rowcount

    def write(self, drafts: Sequence[Draft], author_ids: Mapping[Key, int]) -> None:
        """Give each changed post its number, write it, and move the counter."""
        numbered = list(enumerate(drafts, self.seq + 1))
        self._insert([(seq, draft) for seq, draft in numbered if draft.id is None], author_ids)
        self._update([(seq, draft) for seq, draft in numbered if draft.id is not None], author_ids)
        self.seq += len(numbered)
        more: Counter[str] = Counter()
        for draft in drafts:
            was_live = draft.stored is not None and draft.stored[0] is State.LIVE
            more[draft.key[0]] += (draft.state is State.LIVE) - was_live
        add_counts(self.pg, more)
        self.pg.execute(
            "update change_counter set last_seq = %s where last_seq <> %s", (self.seq, self.seq)
        )

    def _insert(self, new: Sequence[tuple[int, Draft]], author_ids: Mapping[Key, int]) -> None:
        if not new:
            return
        with self.pg.cursor().copy(
            """
            copy posts (seq, network, uri, state, reply_to, thread, indexed_at, edited_at,
                author_id, text, lang, channel, url, likes, reposts, revision, created_at, raw,
                fingerprint) from stdin
            """
        ) as copy:
            for seq, draft in new:
                edited_at = self.now if draft.edited and draft.content else None
                copy.write_row(
                    (
                        seq,
                        *draft.key,
                        draft.state.value,
                        draft.reply_to,
                        draft.thread,
                        self.now,
                        edited_at,
                        *self._columns(draft, author_ids),
                    )
                )

    def _update(self, old: Sequence[tuple[int, Draft]], author_ids: Mapping[Key, int]) -> None:
        if not old:
            return
        gone = [draft.id for _, draft in old if draft.id and draft.state is State.DELETED]
        if gone:
            forget_engagements(self.conn, gone)
        # A post's parent, thread and claimed time are fixed by what was first seen of it. One
        # statement for all: each would be planned anew, 100 µs.
        rows = [
            (seq, draft.id, draft.state.value, *columns[:8], *columns[9:])
            for seq, draft in old
            for columns in (self._columns(draft, author_ids),)
        ]
        self.pg.execute(
            """
            update posts set seq = v.seq, state = v.state,
                edited_at = case when v.state <> 'deleted' and posts.text <> v.text
                    then %s else edited_at end,
                author_id = v.author_id, text = v.text, lang = v.lang, channel = v.channel,
                url = v.url, likes = v.likes + coalesce(e.likes, 0),
                reposts = v.reposts + coalesce(e.reposts, 0), revision = v.revision,
                raw = v.raw::jsonb, fingerprint = v.fingerprint
            from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[],
                %s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::text[], %s::text[],
                %s::bigint[]) as v(seq, id, state, author_id, text, lang, channel, url, likes,
                reposts, revision, raw, fingerprint)
            left join (
                select post_id, count(*) filter (where how = 0) as likes,
                    count(*) filter (where how = 1) as reposts
                from engagements where post_id = any(%s) group by post_id
            ) e on e.post_id = v.id
            where posts.id = v.id
            """,
            (self.now, *map(list, zip(*rows, strict=True)), [row[1] for row in rows]),
        )

    def _columns(self, draft: Draft, author_ids: Mapping[Key, int]) -> tuple[object, ...]:
        """author_id, text, lang, channel, url, likes, reposts, revision, created_at, raw,
        fingerprint: nothing personal is left of a deleted post."""
        content = draft.content
        if content is None or content.post is None:
            created_at = draft.created_at or self.now
            return (None, "", None, None, None, 0, 0, draft.revision, created_at, "{}", 0)
        post = content.post
        return (
            author_ids[content.network, post.author.id],
            post.text,
            post.lang,
            post.channel,
            post.url,
            post.likes,
            post.reposts,
            post.revision,
            post.created_at,
            content.raw,
            content.fingerprint,
        )


def _first(key: Key) -> str:
    return key[0]


def _second(key: Key) -> str:
    return key[1]
