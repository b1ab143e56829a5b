"""Receipts: where an author's posts were used, for the author alone.

A receipt names the answer by its number only: whose answer it was and what was asked is not part of
it. The words are those that rest on the author's post, read from the answer as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from myna.db.engine import driver_of

Door = Literal["app", "api", "bot"]
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Quoted:
    """A span of an answer that rests on the post; ``words`` are None where the answer is not kept,
    or they were taken out of it since."""

    start: int
    end: int
    words: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """That an answer was given a post."""

    id: int
    answer: UUID
    network: str
    uri: str
    url: str | None
    at: datetime
    door: Door
    model: str | None
    """What wrote the answer; ``myna``: posts were quoted, and no model's words were shown."""
    spans: tuple[Quoted, ...]
    """Empty where the post was shown as a source and is not cited."""


def save_receipts(
    conn: Connection,
    answer: UUID,
    door: Door,
    model: str | None,
    *,
    uses: Mapping[int, Spans],
    now: datetime,
) -> None:
    """Note which posts an answer was given, and the spans that rest on each; what was noted of the
    same answer before is replaced."""
    if not uses:
        return
    driver_of(conn).execute(
        """
        insert into receipts (answer, post_id, account, door, model, spans, at)
        select %s, p.id, p.author_id, %s, %s, v.spans, %s
        from unnest(%s::bigint[], %s::jsonb[]) as v(post_id, spans)
        join posts p on p.id = v.post_id and p.author_id is not null
        on conflict (answer, post_id) do update set model = excluded.model, spans = excluded.spans
        """,
        (answer, door, model, now, list(uses), [Jsonb(list(spans)) for spans in uses.values()]),
    )


def count_receipts(conn: Connection, account: int) -> int:
    """How many receipts an account has."""
    row = (
        driver_of(conn)
        .execute("select count(*) from receipts where account = %s", (account,))
        .fetchone()
    )
    assert row is not None
    return row[0]


def list_receipts(
    conn: Connection, account: int, *, before: int | None, limit: int
) -> list[Receipt]:
    """The receipts of an account, the newest first; those older than the number ``before``."""
    rows = driver_of(conn).execute(
        """
        select r.id, r.answer, p.network, p.uri, p.url, r.at, r.door, r.model, r.spans,
            m.text, m.spans, s.numbers
        from receipts r join posts p on p.id = r.post_id
        left join messages m on m.id = r.answer
        left join lateral (
            select array_agg(number) as numbers from answer_sources
            where message_id = r.answer and post_id = r.post_id
        ) s on true
        where r.account = %s and r.id < %s order by r.id desc limit %s
        """,
        (account, before if before is not None else 2**62, limit),
    )
    return [_receipt(row) for row in rows.fetchall()]


def _receipt(row: Sequence[Any]) -> Receipt:
    id, answer, network, uri, url, at, door, model, noted, said, spans, numbers = row
    if said is None:  # the answer is not kept
        found = [Quoted(start, end, None) for start, end in noted]
    else:
        found = [
            Quoted(
                span["start"],
                span["end"],
                said[span["start"] : span["end"]] if span["kind"] == "citation" else None,
            )
            for span in spans
            if span["kind"] in ("citation", "removed")
            and not set(numbers or ()).isdisjoint(span["numbers"])
        ]
    return Receipt(id, answer, network, uri, url, at, door, model, tuple(found))
