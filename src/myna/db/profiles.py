"""What networks tell besides posts: who may reply to one, and which accounts have no name yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from myna.db.content import clean_event, clean_text
from myna.db.drafts import Applied
from myna.db.engine import driver_of
from myna.post import Event, ReplyRule


def apply_rules(conn: Connection, events: Sequence[Event]) -> Applied:
    """Write who may reply to posts, also to those that are not there yet. One that lets everybody
    reply and hides nothing is no rule.

    Raises:
        InvalidRequest: a network or URI is empty or too long to be indexed.
    """
    rules: dict[tuple[str, str], ReplyRule] = {}
    for event in events:
        key = clean_event(event)
        assert isinstance(event.told, ReplyRule)
        rules[key.network, key.uri] = event.told
    with driver_of(conn).cursor() as cursor:
        cursor.executemany(
            "delete from reply_rules where network = %s and uri = %s",
            [key for key, rule in rules.items() if rule == ReplyRule()],
        )
        cursor.executemany(
            """
            insert into reply_rules (network, uri, allow, hidden) values (%s, %s, %s, %s)
            on conflict (network, uri) do update set
                allow = excluded.allow, hidden = excluded.hidden
            """,
            [
                (*key, None if rule.allow is None else _texts(rule.allow), _texts(rule.hidden))
                for key, rule in rules.items()
                if rule != ReplyRule()
            ],
        )
    return Applied(unchanged=len(events))


def _texts(values: Sequence[str]) -> list[str]:
    return [clean_text(value) for value in values]


def reply_rules(conn: Connection, network: str, uris: Sequence[str]) -> Mapping[str, ReplyRule]:
    """URI → the rule of its post, where its author made one."""
    rows = conn.execute(
        text(
            "select uri, allow, hidden from reply_rules "
            "where network = :network and uri = any(:uris)"
        ),
        {"network": network, "uris": list(uris)},
    )
    return {
        row.uri: ReplyRule(None if row.allow is None else tuple(row.allow), tuple(row.hidden))
        for row in rows
    }


def unnamed_accounts(
    conn: Connection, network: str, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Key and id of live accounts of which only the id was told, in the order of their keys; those
    behind the key ``after``."""
    rows = conn.execute(
        text(
            """
            select id, author from authors
            where network = :network and handle = author and state = 'live' and id > :after
            order by id limit :limit
            """
        ),
        {"network": network, "after": after, "limit": limit},
    )
    return [(row.id, row.author) for row in rows]
