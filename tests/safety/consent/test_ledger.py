"""Consent in a real store: it holds from the commit on, also for the past."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from myna.db.consents import is_marking, list_log, mark_posts, read_policy
from myna.db.engine import Database
from myna.db.posts import apply_events, find_post, get_posts, last_seq, read_changes
from myna.errors import Conflict, InvalidRequest
from myna.post import ALL_USES, NO_USE, Author, Event, Kind, Post, Signal, Use
from myna.safety.consent.ledger import (
    MOST_RECORDS,
    Standing,
    adopt_policy,
    choose,
    standing_of,
    take_signals,
)
from myna.safety.consent.signals import AI_PREFERENCE, AT_PROFILE
from myna.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANN = ("net", "ann")


def post(db: Database, uri: str, by: str = "ann") -> None:
    made = Post("net", uri, Author("net", by, by), f"words of {uri}", NOW)
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "net", uri, made)], now=NOW)


def tell(
    db: Database,
    record: dict[str, Any] | None,
    *,
    form: str = AT_PROFILE,
    key: str = "self",
    by: str = "ann",
    revision: str = "",
) -> int:
    event = Event(Kind.SIGNAL, "net", by, signal=Signal(form, key, record, revision))
    with db.begin() as conn:
        return take_signals(conn, [event], now=NOW)


def standing(db: Database, by: str = "ann") -> Standing:
    with db.begin() as conn:
        return standing_of(conn, ("net", by))


def say(db: Database, use: Use, word: Any, *, by: Any = "member") -> Standing:
    with db.begin() as conn:
        return choose(conn, ANN, use, word, by=by, now=NOW)


def seen(db: Database, uri: str) -> Use | None:
    """What is refused of a post; None where it cannot be seen."""
    with db.begin() as conn:
        found = find_post(conn, "net", uri)
    return found.refused if found else None


def mark(db: Database) -> int:
    marked = 0
    while True:
        with db.begin() as conn:
            if not is_marking(conn):
                return marked
            marked += mark_posts(conn, 2)


def test_nobody_said_anything(db: Database) -> None:
    post(db, "1")
    assert seen(db, "1") == Use.TRAIN
    found = standing(db)
    assert (found.refused, found.version) == (Use.TRAIN, 0)


def test_a_no_takes_the_past_away_at_once_and_is_carried_to_each_post(db: Database) -> None:
    for n in range(5):
        post(db, str(n))
    post(db, "b", by="bob")
    with db.begin() as conn:
        before = last_seq(conn)
    assert tell(db, {"description": "#nobot"}) == 1
    assert [seen(db, uri) for uri in ("0", "4", "b")] == [None, None, Use.TRAIN]
    assert mark(db) == 5
    with db.begin() as conn:
        changes = read_changes(conn, before, 100)
        assert [change.post.uri for change in changes] == ["0", "1", "2", "3", "4"]
        assert {change.refused for change in changes} == {ALL_USES}
    assert tell(db, {"description": "I paint."}) == 1
    assert seen(db, "0") == Use.TRAIN
    assert mark(db) == 5


def test_it_holds_for_posts_that_come_later_and_for_unknown_authors(db: Database) -> None:
    tell(db, {"description": "#noai"})
    assert standing(db).version == 1
    post(db, "1")
    assert seen(db, "1") == Use.TRAIN | Use.GENERATE | Use.EMBED
    assert mark(db) == 0


def test_a_hidden_account_keeps_its_no(db: Database) -> None:
    tell(db, {"description": "#nobot"})
    for kind in (Kind.HIDE, Kind.RETURN):
        with db.begin() as conn:
            apply_events(conn, [Event(kind, "net", "ann")], now=NOW)
    post(db, "1")
    assert seen(db, "1") is None


def test_replays_and_older_records_change_nothing(db: Database) -> None:
    deny = {"preferences": {"training": {"allow": False}}}
    allow = {"preferences": {"training": {"allow": True}}}
    assert tell(db, allow, form=AI_PREFERENCE, revision="2") == 1
    assert tell(db, allow, form=AI_PREFERENCE, revision="2") == 0
    assert tell(db, deny, form=AI_PREFERENCE, revision="1") == 0
    assert standing(db).refused == NO_USE
    assert tell(db, None, form=AI_PREFERENCE, revision="3") == 1
    assert standing(db).refused == Use.TRAIN
    assert tell(db, {"description": "no wish"}) == 0


def test_records_of_one_account_are_bounded_and_bad_keys_passed_over(db: Database) -> None:
    deny = {"preferences": {"training": {"allow": False}}, "scope": {"entity": "x.example"}}
    taken = sum(
        tell(db, deny, form=AI_PREFERENCE, key=f"k{n}", revision="1")
        for n in range(MOST_RECORDS + 5)
    )
    assert taken == MOST_RECORDS
    assert tell(db, deny, by="") == 0
    assert tell(db, {"description": "#nobot \x00 \ud800"}, by="c\x00d") == 1


def test_the_member_and_the_operator(db: Database) -> None:
    post(db, "1")
    assert say(db, Use.QUOTE, "no").refused == Use.TRAIN | Use.QUOTE
    assert seen(db, "1") == Use.TRAIN | Use.QUOTE
    with pytest.raises(Conflict, match="Only the member"):
        say(db, Use.QUOTE, "yes", by="operator")
    assert say(db, Use.TRAIN, "yes", by="operator").refused == Use.QUOTE
    assert say(db, Use.QUOTE, "unsaid").refused == NO_USE
    assert say(db, Use.TRAIN, "no").refused == Use.TRAIN
    with db.begin() as conn:
        log = list_log(conn, ANN, 10)
    assert [(Use(row.use).name, row.word, row.by) for row in log] == [
        ("TRAIN", "no", "member"),
        ("QUOTE", "unsaid", "member"),
        ("TRAIN", "yes", "operator"),
        ("QUOTE", "no", "member"),
    ]
    assert [row.version for row in log] == [4, 3, 2, 1]
    with db.begin() as conn, pytest.raises(InvalidRequest):
        choose(conn, ("net", "x" * 2000), Use.TRAIN, "no", by="member", now=NOW)


def test_what_a_network_says_is_logged(db: Database) -> None:
    tell(db, {"description": "#noindex"})
    tell(db, {"description": ""})
    with db.begin() as conn:
        log = list_log(conn, ANN, 10)
    assert [(row.word, row.by, row.why) for row in log] == [
        ("unsaid", "network", ""),
        ("no", "network", "#noindex"),
    ]


def test_another_default_holds_for_all_who_said_nothing(db: Database, settings: Settings) -> None:
    for by in ("ann", "bob"):
        post(db, by, by=by)
    say(db, Use.RETRIEVE, "yes")
    adopt_policy(db, settings)
    assert mark(db) == 0
    strict = settings.model_copy(update={"default_refusals": "retrieve, train"})
    adopt_policy(db, strict)
    assert seen(db, "ann") == Use.TRAIN
    assert seen(db, "bob") is None
    assert mark(db) == 1
    post(db, "cleo", by="cleo")
    assert seen(db, "cleo") is None
    adopt_policy(db, settings.model_copy(update={"default_refusals": ""}))
    with db.begin() as conn:
        assert read_policy(conn).refused == 0
        ids = [change.id for change in read_changes(conn, 0, 10)]
        assert {one.refused for one in get_posts(conn, ids).values()} == {NO_USE}


def test_a_record_addressed_to_this_myna_counts_once_it_is_known_by_that_name(
    db: Database, settings: Settings
) -> None:
    scope = {"entity": "did:plc:myna"}
    deny = {"preferences": {"inference": {"allow": False}}, "scope": scope}
    tell(db, deny, form=AI_PREFERENCE, key="3k")
    assert standing(db).refused == Use.TRAIN
    adopt_policy(db, settings.model_copy(update={"consent_names": "DID:plc:myna"}))
    assert standing(db).refused == ALL_USES


@pytest.mark.parametrize("uses", ["", "train", "embed,retrieve", "quote, generate ,train"])
def test_the_store_computes_what_the_decision_does(
    db: Database, settings: Settings, uses: str
) -> None:
    for n, record in enumerate(
        [
            {"description": "#noai"},
            {"description": "#noindex"},
            {"preferences": {"inference": {"allow": True}, "embedding": {"allow": False}}},
            {"preferences": {"training": {"allow": True}}},
        ]
    ):
        by = f"author {n}"
        tell(db, record, form=AI_PREFERENCE if "preferences" in record else AT_PROFILE, by=by)
        post(db, by, by=by)
    adopt_policy(db, settings.model_copy(update={"default_refusals": uses}))
    with db.begin() as conn:
        for change in read_changes(conn, 0, 10):
            found = standing_of(conn, ("net", change.post.author.id))
            assert change.refused == found.refused, change.post.author.id
