"""How accounts are called: written with their posts, and from what networks tell of them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Connection

from myna.db.content import clean_event, clean_text
from myna.db.counts import add_counts
from myna.db.drafts import Applied, Key
from myna.db.engine import driver_of
from myna.post import Author, Event, Profile, Use


class StoredAuthor(NamedTuple):
    """What the store has of an author."""

    id: int
    handle: str
    name: str
    is_bot: bool
    state: str

    def differs(self, author: Author) -> bool:
        """Whether the network tells something else now; without a handle it tells nothing."""
        told = (author.handle, author.name, author.is_bot)
        return bool(author.handle) and told != (self.handle, self.name, self.is_bot)


@dataclass(frozen=True, slots=True)
class KnownAuthor:
    """What bears on how an author is treated."""

    is_bot: bool
    refused: Use


def find_author(conn: Connection, network: str, author: str) -> KnownAuthor | None:
    """An author by id; None where nothing is known of it."""
    row = (
        driver_of(conn)
        .execute(
            "select is_bot, refused from authors where network = %s and author = %s",
            (network, author),
        )
        .fetchone()
    )
    return KnownAuthor(row[0], Use(row[1])) if row else None


@dataclass(slots=True)
class Authors:
    """The authors of a batch; the change counter is locked by the caller, who moves it to
    ``seq`` in the end."""

    pg: psycopg.Connection[TupleRow]
    seq: int
    stored: dict[Key, StoredAuthor] = field(default_factory=dict)

    def load(self, keys: Collection[Key]) -> None:
        """Read what the store has of these authors."""
        rows = self.pg.execute(
            """
            select a.network, a.author, a.id, a.handle, a.name, a.is_bot, a.state
            from unnest(%s::text[], %s::text[]) as k(network, author)
            cross join lateral (
                select * from authors where network = k.network and author = k.author limit 1
            ) a
            """,
            ([network for network, _ in keys], [author for _, author in keys]),
        )
        self.stored = {(row[0], row[1]): StoredAuthor(*row[2:]) for row in rows}

    def save(self, authors: Mapping[Key, Author]) -> dict[Key, int]:
        """Insert or update, and give their database ids; the posts of an author with a new handle
        change with it."""
        if not authors:
            return {}
        stored = self.stored
        ids = {key: row.id for key, row in stored.items()}
        fresh = [(key, author) for key, author in authors.items() if key not in stored]
        changed = [
            (ids[key], author)
            for key, author in authors.items()
            if key in stored and stored[key].differs(author)
        ]
        if fresh:
            rows = self.pg.execute(
                """
                insert into authors (network, author, handle, name, is_bot, refused)
                select k.*, coalesce(c.effective, p.effective)
                from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bool[])
                    as k(network, author, handle, name, is_bot)
                cross join consent_policy p
                left join consents c on c.network = k.network and c.author = k.author
                returning network, author, id
                """,
                (
                    [network for (network, _), _ in fresh],
                    [id for (_, id), _ in fresh],
                    [author.handle or author.id for _, author in fresh],
                    [author.name for _, author in fresh],
                    [author.is_bot for _, author in fresh],
                ),
            )
            ids |= {(network, author): id for network, author, id in rows}
            add_counts(self.pg, authors=Counter(network for (network, _), _ in fresh))
        if changed:
            self._update(changed)
            before = {row.id: row for row in stored.values()}
            self._move_posts(
                [
                    id
                    for id, author in changed
                    if (author.handle, author.is_bot) != (before[id].handle, before[id].is_bot)
                ]
            )
        return ids

    def _update(self, changed: Sequence[tuple[int, Author]]) -> None:
        self.pg.execute(
            """
            update authors set handle = v.handle, name = v.name, is_bot = v.is_bot
            from unnest(%s::bigint[], %s::text[], %s::text[], %s::bool[])
                as v(id, handle, name, is_bot)
            where authors.id = v.id
            """,
            (
                [id for id, _ in changed],
                [author.handle for _, author in changed],
                [author.name for _, author in changed],
                [author.is_bot for _, author in changed],
            ),
        )

    def _move_posts(self, authors: Sequence[int]) -> None:
        """Give the authors' posts new numbers: followers keep handles and bots with them."""
        if not authors:
            return
        self.seq += self.pg.execute(
            """
            update posts set seq = %s + v.n
            from (
                select id, row_number() over (order by id) as n
                from posts where author_id = any(%s)
            ) v
            where posts.id = v.id
            """,
            (self.seq, list(authors)),
        ).rowcount


def apply_profiles(conn: Connection, events: Sequence[Event]) -> Applied:
    """Write how accounts are called, also those that have posted nothing yet; writers wait until
    the caller's transaction ends.

    Raises:
        InvalidRequest: a network or an account's id is empty or too long to be indexed.
    """
    told: dict[Key, Profile] = {}
    for event in events:
        content = clean_event(event)
        assert isinstance(event.told, Profile)
        key = (content.network, content.uri)
        told[key] = _laid(told.get(key, Profile()), event.told)
    pg = driver_of(conn)
    row = pg.execute("select last_seq from change_counter for update").fetchone()
    assert row is not None
    known = Authors(pg, row[0])
    known.load(set(told))
    authors: dict[Key, Author] = {}
    for (network, id), profile in told.items():
        before = known.stored.get((network, id), StoredAuthor(0, id, "", False, "live"))
        if before.state != "purged":
            authors[network, id] = Author(
                network,
                id,
                profile.handle or before.handle,
                before.name if profile.name is None else profile.name,
                before.is_bot if profile.is_bot is None else profile.is_bot,
            )
    known.save(authors)
    pg.execute("update change_counter set last_seq = %s where last_seq <> %s", (known.seq,) * 2)
    return Applied(accounts=len(events))


def _laid(before: Profile, over: Profile) -> Profile:
    """What two tell together, the later one first; texts as PostgreSQL takes them."""
    return Profile(
        before.handle if over.handle is None else clean_text(over.handle),
        before.name if over.name is None else clean_text(over.name),
        before.is_bot if over.is_bot is None else over.is_bot,
    )
