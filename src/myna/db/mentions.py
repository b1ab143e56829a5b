"""Mentions of Myna as rows with a state: queued → answering → sending → sent, refused or failed.

Who works on one holds a claim that runs out, so that a crash heals by itself. What will be sent is
kept before the first byte of it goes out, and under the claim alone: from then on every try sends
the same to the same places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from myna.db.engine import driver_of
from myna.db.posts import VISIBLE
from myna.post import Use

End = Literal["sent", "refused", "failed"]
Scope = Literal["author", "thread"]


@dataclass(frozen=True, slots=True)
class NewMention:
    """A post that mentions Myna."""

    network: str
    uri: str
    id: str
    """What its server calls it."""
    author: str
    thread: str
    """URI of its root, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A claimed mention."""

    network: str
    uri: str
    id: str
    author: str
    thread: str
    state: str
    attempts: int
    found_at: datetime
    claim: UUID
    parts: Sequence[Mapping[str, Any]] | None = None
    """What is sent, from the moment when it is decided."""
    sent: Sequence[str] = ()
    """Ids of the parts that are sent."""


class ClaimLost(Exception):
    """Another process works on the mention now."""


def add_mentions(conn: Connection, mentions: Sequence[NewMention], *, now: datetime) -> int:
    """Queue mentions, the first first; one that is known changes nothing. How many are new."""
    step = timedelta(microseconds=1)  # so that those which are found together keep their order
    with driver_of(conn).cursor() as cursor:
        cursor.executemany(
            """
            insert into mentions (network, uri, id, author, thread, found_at, not_before)
            values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            [
                (one.network, one.uri, one.id, one.author, one.thread, now + n * step, now)
                for n, one in enumerate(mentions)
            ],
        )
        return max(0, cursor.rowcount)


def claim_mention(
    conn: Connection, network: str, *, now: datetime, seconds: float
) -> Mention | None:
    """Take the oldest mention that is due and nobody works on, for ``seconds``."""
    claim = uuid4()
    row = conn.execute(
        text(
            """
            update mentions set claim = :claim, claimed_until = :until, attempts = attempts + 1,
                state = case state when 'queued' then 'answering' else state end
            where (network, uri) = (
                select network, uri from mentions
                where network = :network and state in ('queued', 'answering', 'sending')
                    and not_before <= :now and (claimed_until is null or claimed_until <= :now)
                order by found_at, uri limit 1 for update skip locked
            )
            returning uri, id, author, thread, state, attempts, found_at, parts, sent
            """
        ),
        {
            "claim": claim,
            "until": now + timedelta(seconds=seconds),
            "network": network,
            "now": now,
        },
    ).one_or_none()
    if row is None:
        return None
    return Mention(
        network,
        row.uri,
        row.id,
        row.author,
        row.thread,
        row.state,
        row.attempts,
        row.found_at,
        claim,
        row.parts,
        tuple(row.sent),
    )


def save_parts(
    conn: Connection,
    mention: Mention,
    parts: Sequence[Mapping[str, Any]],
    *,
    question: bytes,
    sources: Sequence[int],
) -> None:
    """Keep what will be sent, and the posts that it rests on, before any of it is.

    Raises:
        ClaimLost: another process works on it.
    """
    _change(
        conn,
        mention,
        "state = 'sending', parts = :parts, question = :question, sources = :sources",
        {"parts": Jsonb(list(parts)), "question": question, "sources": list(sources)},
    )


def place_mention(conn: Connection, mention: Mention, thread: str) -> None:
    """Note the thread that it is in.

    Raises:
        ClaimLost: another process works on it.
    """
    _change(conn, mention, "thread = :thread", {"thread": thread})


def note_sent(conn: Connection, mention: Mention, ids: Sequence[str]) -> None:
    """Note what the server calls the parts that are sent.

    Raises:
        ClaimLost: another process works on it.
    """
    _change(conn, mention, "sent = :ids", {"ids": list(ids)})


def end_mention(
    conn: Connection,
    mention: Mention,
    state: End,
    *,
    now: datetime,
    reason: str | None = None,
    reply: str | None = None,
    keep: bool = True,
) -> None:
    """It is done with; ``reply`` is the URI of the first part. Without ``keep`` nothing is kept of
    what was asked and answered.

    Raises:
        ClaimLost: another process works on it.
    """
    _change(
        conn,
        mention,
        "state = :state, reason = :reason, reply = coalesce(:reply, reply), done_at = :now, "
        "claim = null, claimed_until = null, "
        "parts = case when :keep then parts end, question = case when :keep then question end",
        {"state": state, "reason": reason, "reply": reply, "now": now, "keep": keep},
    )


def postpone_mention(conn: Connection, mention: Mention, until: datetime, *, spare: bool) -> None:
    """Give it back; it is due again at ``until``. With ``spare`` this try does not count.

    Raises:
        ClaimLost: another process works on it.
    """
    _change(
        conn,
        mention,
        "not_before = :until, attempts = attempts - :spare, claim = null, claimed_until = null",
        {"until": until, "spare": int(spare)},
    )


def _change(conn: Connection, mention: Mention, what: str, values: Mapping[str, Any]) -> None:
    changed = conn.execute(
        text(
            f"update mentions set {what} where network = :network and uri = :uri and claim = :claim"
        ),
        {**values, "network": mention.network, "uri": mention.uri, "claim": mention.claim},
    )
    if not changed.rowcount:
        raise ClaimLost


def replies_in_thread(conn: Connection, network: str, thread: str) -> int:
    """How many replies Myna has given, or is giving, in a thread."""
    return conn.execute(
        text(
            "select count(*) from mentions where network = :network and thread = :thread "
            "and state in ('sending', 'sent')"
        ),
        {"network": network, "thread": thread},
    ).scalar_one()


def replies_to_author(conn: Connection, network: str, author: str, since: datetime) -> int:
    """How many replies an author got, or is getting, since a time."""
    return conn.execute(
        text(
            "select count(*) from mentions where network = :network and author = :author "
            "and state in ('sending', 'sent') and coalesce(done_at, found_at) >= :since"
        ),
        {"network": network, "author": author, "since": since},
    ).scalar_one()


def parts_since(conn: Connection, network: str, since: datetime) -> int:
    """How many posts Myna has written, or may have, since a time."""
    return conn.execute(
        text(
            "select coalesce(sum(jsonb_array_length(parts)), 0) from mentions "
            "where network = :network and parts is not null "
            "and coalesce(done_at, claimed_until, not_before) >= :since"
        ),
        {"network": network, "since": since},
    ).scalar_one()


def earlier_reply(conn: Connection, network: str, thread: str, question: bytes) -> str | None:
    """The reply to the same question in the same thread."""
    return conn.execute(
        text(
            "select reply from mentions where network = :network and thread = :thread "
            "and question = :question and state = 'sent' and reply is not null "
            "order by done_at limit 1"
        ),
        {"network": network, "thread": thread, "question": question},
    ).scalar()


def of_no_mention(conn: Connection, network: str, ids: Sequence[str]) -> list[str]:
    """Those of the account's posts that are not noted as the reply to any mention."""
    rows = conn.execute(
        text(
            "select i.id from unnest(cast(:ids as text[])) as i(id) where not exists "
            "(select from mentions where network = :network and sent @> array[i.id])"
        ),
        {"network": network, "ids": list(ids)},
    )
    return list(rows.scalars())


@dataclass(frozen=True, slots=True)
class Groundless:
    """A public reply that rests on a post that may not be used any more."""

    uri: str
    """Of the mention."""
    sent: Sequence[str]
    """Ids of its parts."""


def groundless_replies(
    conn: Connection, network: str, changed: Sequence[int] | None, limit: int
) -> list[Groundless]:
    """Replies one of whose posts is gone, was edited since, or must not be quoted any more: those
    that rest on the posts ``changed``, or all."""
    among = "" if changed is None else "and m.sources && cast(:changed as bigint[])"
    rows = conn.execute(
        text(
            f"""
            select m.uri, m.sent from mentions m
            where m.network = :network and m.state = 'sent' and m.sources <> '{{}}' {among}
                and exists (
                    select from unnest(m.sources) as s(id)
                    left join posts p on p.id = s.id left join authors a on a.id = p.author_id
                    where not coalesce(
                        {VISIBLE} and (a.refused & {int(Use.QUOTE)}) = 0
                            and coalesce(p.edited_at <= m.done_at, true),
                        false
                    )
                )
            limit :limit
            """
        ),
        {"network": network, "changed": list(changed or ()), "limit": limit},
    )
    return [Groundless(row.uri, row.sent) for row in rows]


def note_withdrawn(conn: Connection, network: str, uri: str, reason: str) -> None:
    """A public reply was deleted, and nothing is kept of its words."""
    conn.execute(
        text(
            "update mentions set state = 'withdrawn', reason = :reason, parts = null, sent = '{}', "
            "sources = '{}', question = null where network = :network and uri = :uri"
        ),
        {"network": network, "uri": uri, "reason": reason},
    )


def count_mentions(conn: Connection, network: str) -> dict[str, int]:
    """State → how many."""
    rows = conn.execute(
        text("select state, count(*) from mentions where network = :network group by state"),
        {"network": network},
    )
    return {row.state: row[1] for row in rows}


def silence(conn: Connection, network: str, scope: Scope, key: str, *, now: datetime) -> None:
    """Answer an author, or in a thread, no more."""
    conn.execute(
        text(
            "insert into silences (network, scope, key, since) values (:network, :scope, :key, :now)"
            " on conflict do nothing"
        ),
        {"network": network, "scope": scope, "key": key, "now": now},
    )


def end_silence(conn: Connection, network: str, scope: Scope, key: str) -> None:
    """And again."""
    conn.execute(
        text("delete from silences where network = :network and scope = :scope and key = :key"),
        {"network": network, "scope": scope, "key": key},
    )


def is_silent(conn: Connection, network: str, author: str, thread: str) -> bool:
    """Whether this author, or this thread, wants no answer."""
    return conn.execute(
        text(
            "select exists (select from silences where network = :network and "
            "(scope = 'author' and key = :author or scope = 'thread' and key = :thread))"
        ),
        {"network": network, "author": author, "thread": thread},
    ).scalar_one()
