"""Mentions are claimed in the order in which they were found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from myna.db.engine import Database
from myna.db.mentions import NewMention, add_mentions, claim_mention

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_mentions_that_are_found_together_keep_their_order(db: Database) -> None:
    uris = [f"at://{name}/1" for name in ("m", "z", "a", "k")]
    with db.begin() as conn:
        found = [NewMention("net", uri, uri, uri, uri) for uri in uris]
        assert add_mentions(conn, found, now=NOW) == 4
        assert add_mentions(conn, found, now=NOW + timedelta(seconds=1)) == 0
        later = NOW + timedelta(seconds=2)
        claimed = [claim_mention(conn, "net", now=later, seconds=60) for _ in range(5)]
    assert [one and one.uri for one in claimed] == [*uris, None]
