"""Places of sources, how fast they give, and what they could not give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from myna.db.engine import Database
from myna.db.sources import (
    Gap,
    StoredGap,
    forget_source,
    list_gaps,
    load_cursor,
    save_cursor,
    save_gap,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def save(db: Database, accepted: int, seconds: float) -> float:
    now = NOW + timedelta(seconds=seconds)
    with db.begin() as conn:
        save_cursor(conn, "net", "c", accepted=accepted, rejected=0, now=now)
        state = load_cursor(conn, "net")
    assert state
    return state.rate


def test_the_rate_is_that_of_the_last_seconds(db: Database) -> None:
    assert save(db, 1_000, 0) == 0
    assert save(db, 30, 5) == 0
    assert save(db, 20, 10) == pytest.approx(5)
    assert save(db, 100, 15) == pytest.approx(5)
    assert save(db, 100, 20) == pytest.approx(20)
    assert save(db, 10, 120) == pytest.approx(0.1)


def test_gaps_are_listed_and_go_with_their_source(db: Database) -> None:
    first, second = Gap(None, NOW, "unknown"), Gap(NOW, NOW + timedelta(1), "too old")
    save(db, 1, 0)
    with db.begin() as conn:
        save_gap(conn, "net", first, now=NOW)
        save_gap(conn, "net", second, now=NOW)
        assert list_gaps(conn, 9) == [StoredGap("net", second, NOW), StoredGap("net", first, NOW)]
        forget_source(conn, "net")
        assert list_gaps(conn, 9) == []
        assert load_cursor(conn, "net") is None
