"""Connections are run as they come and go, and say what is wrong with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from myna.db.connections import (
    Connected,
    Secret,
    delete_connection,
    find_connection,
    save_connection,
)
from myna.db.engine import Database
from myna.db.networks import Network as KnownNetwork
from myna.db.posts import Applied
from myna.db.vault import FILE, Vault
from myna.feeds import connected, networks
from myna.feeds.connected import run_connected
from myna.feeds.networks import Checked, OnState, Question, Worker
from myna.settings import Settings


@dataclass
class FakeNetwork:
    """A fake kind of network: its one worker notes what it was given."""

    kind: str = "fake"
    title: str = "Fake"
    questions: Sequence[Question] = ()
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    ended: int = 0
    fault: Exception | None = None

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        return Checked("fake", answers, secret, KnownNetwork("fake", "Fake"), "it is there")

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        self.seen.append((connection.settings["host"], secret.reveal("token")))
        return [Worker("one", self._run)]

    def _run(self, db: Database, stop: threading.Event, on_state: OnState) -> None:
        del db
        if self.fault:
            raise self.fault
        on_state("it is away")
        stop.wait(30)
        self.ended += 1

    def backfill(self, db: Database, connection: Connected, account: str) -> Applied:
        del db, connection, account
        return Applied()

    def time_of(self, cursor: str) -> datetime | None:
        del cursor
        return None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    made = FakeNetwork()
    monkeypatch.setattr(networks, "_KINDS", {"fake": "tests.fake:FAKE"})
    monkeypatch.setattr(connected, "network_of", lambda _kind: made)
    monkeypatch.setattr(connected, "LOOK_SECONDS", 0.02)
    return made


def save(db: Database, settings: Settings, host: str, kind: str = "fake") -> None:
    with db.begin() as conn:
        save_connection(
            conn,
            name="fake",
            kind=kind,
            settings={"host": host},
            sealed=Secret({"token": "t"}).seal(Vault(settings.home)),
            now=datetime.now(UTC),
        )


@contextmanager
def running(db: Database, settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_connected, args=(settings, db, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def until(seen: Callable[[], Any]) -> None:
    limit = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.02)


def error(db: Database) -> str | None:
    with db.begin() as conn:
        found = find_connection(conn, "fake")
    return found.error if found else None


def test_connections_come_change_and_go_while_it_runs(
    db: Database, settings: Settings, fake: FakeNetwork
) -> None:
    with running(db, settings):
        save(db, settings, "first")
        until(lambda: error(db) == "it is away")
        assert fake.seen == [("first", "t")]
        save(db, settings, "second")
        until(lambda: len(fake.seen) == 2)
        assert fake.seen[1] == ("second", "t")
        assert fake.ended == 1
        with db.begin() as conn:
            delete_connection(conn, "fake")
        until(lambda: fake.ended == 2)
        save(db, settings, "third")
        until(lambda: len(fake.seen) == 3)
    assert fake.ended == 3


def test_without_its_key_a_connection_says_so(
    db: Database, settings: Settings, fake: FakeNetwork
) -> None:
    save(db, settings, "host")
    (settings.home / FILE).unlink()
    with running(db, settings):
        until(lambda: error(db))
    assert "connect the network again" in str(error(db))
    assert fake.seen == []


def test_a_kind_that_is_not_known_says_so(
    db: Database, settings: Settings, fake: FakeNetwork
) -> None:
    save(db, settings, "host", kind="myspace")
    with running(db, settings):
        until(lambda: error(db))
    assert "myspace" in str(error(db))


def test_a_fault_is_told_and_ends_with_a_stop(
    db: Database, settings: Settings, fake: FakeNetwork
) -> None:
    fake.fault = RuntimeError("a secret detail")
    save(db, settings, "host")
    with running(db, settings):
        until(lambda: error(db))
    assert error(db) == "one met a fault of Myna's own; the log has it."
