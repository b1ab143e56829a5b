"""What answers rest on: which posts they were given, as these were then, and what these are now.

An answer keeps of a post its number, a digest of its words and what its author refused at that time.
``redactions`` notes what was taken out of which answer, why and when, without any of its words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from myna.db.content import text_digest
from myna.db.engine import driver_of
from myna.post import NO_USE, Use

Reason = Literal["deleted", "withdrawn", "edited", "expired", "hidden"]
POST, PARENT = 0, 1
"""Parts of a source: the post itself, and the post that it replies to."""
FOLLOWER = "living answers"


@dataclass(frozen=True, slots=True)
class Ground:
    """A post that a source of an answer consists of, as the answer read it."""

    number: int
    """Of the source, as it is shown."""
    part: int
    post_id: int
    digest: int | None
    """Of its words; None for an answer from a time when that was not kept."""
    refused: Use = NO_USE
    copies: int = 1
    """Posts that were found and say the same, this one among them."""


@dataclass(frozen=True, slots=True)
class Present:
    """What a post is now."""

    deleted: bool
    expired: bool
    """Deleted by the store's own retention."""
    hidden: bool
    digest: int
    refused: Use


@dataclass(frozen=True, slots=True)
class Redaction:
    """That something was taken out of an answer."""

    id: int
    message_id: UUID
    chat_id: UUID
    viewer: str | None
    """None where the chat is gone."""
    post_id: int
    reason: Reason
    at: datetime


def save_grounds(conn: Connection, message_id: UUID, grounds: Iterable[Ground]) -> None:
    """Write what an answer rests on, instead of what was written before. A post that was purged
    from the store in the meantime is left out."""
    pg = driver_of(conn)
    pg.execute("delete from answer_sources where message_id = %s", (message_id,))
    wanted = list(grounds)
    ids = [ground.post_id for ground in wanted]
    rows = pg.execute("select id from posts where id = any(%s) for key share", (ids,)).fetchall()
    kept = {id for (id,) in rows}
    with pg.cursor() as cursor:
        cursor.executemany(
            "insert into answer_sources "
            "(message_id, number, part, post_id, digest, refused, copies) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    message_id,
                    one.number,
                    one.part,
                    one.post_id,
                    one.digest,
                    int(one.refused),
                    one.copies,
                )
                for one in wanted
                if one.post_id in kept
            ],
        )


def read_grounds(conn: Connection, message_ids: Sequence[UUID]) -> dict[UUID, list[Ground]]:
    """Message → what it rests on, in order of the shown numbers."""
    found: dict[UUID, list[Ground]] = {}
    if not message_ids:
        return found
    rows = driver_of(conn).execute(
        "select message_id, number, part, post_id, digest, refused, copies from answer_sources "
        "where message_id = any(%s) order by message_id, number, part",
        (list(message_ids),),
    )
    for message_id, number, part, post_id, digest, refused, copies in rows.fetchall():
        ground = Ground(number, part, post_id, digest, Use(refused), copies)
        found.setdefault(message_id, []).append(ground)
    return found


def read_present(conn: Connection, ids: Collection[int]) -> dict[int, Present]:
    """Posts as they are now; one whose row is gone is not among them."""
    if not ids:
        return {}
    rows = driver_of(conn).execute(
        """
        select p.id, p.state = 'deleted' or coalesce(p.id <= a.purged_to or a.state = 'purged', true),
            exists (select from expired_posts e where e.post_id = p.id), p.state = 'hidden' or coalesce(a.state = 'hidden', false), p.text,
            coalesce(a.refused, 0)
        from posts p left join authors a on a.id = p.author_id
        where p.id = any(%s)
        """,
        (list(ids),),
    )
    return {
        id: Present(deleted, expired, hidden, text_digest(words), Use(refused))
        for id, deleted, expired, hidden, words, refused in rows.fetchall()
    }


def changed_messages(conn: Connection, after: int, to: int) -> list[UUID]:
    """Answers that rest on a post with a change among ``(after, to]``."""
    rows = driver_of(conn).execute(
        """
        select distinct s.message_id from posts p join answer_sources s on s.post_id = p.id
        where p.seq > %s and p.seq <= %s
        """,
        (after, to),
    )
    return [id for (id,) in rows.fetchall()]


def recent_messages(conn: Connection, since: datetime) -> list[UUID]:
    """Answers that were finished since then."""
    rows = driver_of(conn).execute(
        "select id from messages where role = 'assistant' and finished_at >= %s", (since,)
    )
    return [id for (id,) in rows.fetchall()]


def read_place(conn: Connection) -> int | None:
    """Up to which change answers were gone through; None where another process does so now. Until
    the caller's transaction ends no other one gets it."""
    mine = conn.execute(
        text("select pg_try_advisory_xact_lock(hashtext(:name))"), {"name": FOLLOWER}
    ).scalar_one()
    if not mine:
        return None
    row = conn.execute(text("select seq from followers where name = :name"), {"name": FOLLOWER})
    return row.scalar_one_or_none() or 0


def save_place(conn: Connection, seq: int) -> None:
    """All changes up to this one are done with."""
    conn.execute(
        text(
            "insert into followers (name, seq) values (:name, :seq) "
            "on conflict (name) do update set seq = excluded.seq"
        ),
        {"name": FOLLOWER, "seq": seq},
    )


def add_redactions(
    conn: Connection,
    message_id: UUID,
    chat_id: UUID,
    gone: Mapping[int, Reason],
    now: datetime,
) -> None:
    """Note what was taken out: post → why."""
    with driver_of(conn).cursor() as cursor:
        cursor.executemany(
            "insert into redactions (message_id, chat_id, post_id, reason, at) "
            "values (%s, %s, %s, %s, %s)",
            [(message_id, chat_id, post, reason, now) for post, reason in gone.items()],
        )


def list_redactions(conn: Connection, after: int, limit: int) -> list[Redaction]:
    """What was taken out after the redaction of this number, in order. A role that shows answers
    elsewhere (the bot) follows this list and mends what it posted."""
    rows = driver_of(conn).execute(
        """
        select r.id, r.message_id, r.chat_id, c.viewer, r.post_id, r.reason, r.at
        from redactions r left join chats c on c.id = r.chat_id
        where r.id > %s order by r.id limit %s
        """,
        (after, limit),
    )
    return [Redaction(*row) for row in rows.fetchall()]


def last_redaction(conn: Connection) -> int:
    """The number of the latest one; 0 where nothing was taken out."""
    return conn.execute(text("select coalesce(max(id), 0) from redactions")).scalar_one()
