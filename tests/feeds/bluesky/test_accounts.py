"""What AppViews, directories and relays tell of accounts (fake_servers), and whom one may ask."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import libipld
import pytest

from myna.db.engine import Database
from myna.db.posts import apply_events, find_post
from myna.errors import SourceError
from myna.feeds.bluesky import consents
from myna.feeds.bluesky.accounts import Accounts
from myna.feeds.bluesky.consents import Consents
from myna.feeds.bluesky.directory import Directory
from myna.feeds.bluesky.records import CONSENTS, PROFILE
from myna.feeds.bluesky.repository import Repository
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.bluesky.stream import Side
from myna.feeds.ingest import run_source
from myna.feeds.source import Record
from myna.post import Author, Event, Kind, Post, Signal
from tests.feeds.bluesky.fake_servers import FakeServers, serving

PROFILES = "/xrpc/app.bsky.actor.getProfiles"
LISTED = "/xrpc/com.atproto.sync.listReposByCollection"
RECORDS = "/xrpc/com.atproto.repo.listRecords"


@pytest.fixture
def servers() -> Iterator[FakeServers]:
    with serving(FakeServers()) as fake:
        yield fake


def did(number: int) -> str:
    return f"did:plc:{number:024}"


def write(db: Database, *numbers: int) -> None:
    now = datetime.now(UTC)
    posts = [
        Post("bluesky", str(number), Author("bluesky", did(number), ""), "words", now)
        for number in numbers
    ]
    with db.begin() as conn:
        apply_events(
            conn, [Event(Kind.CREATE, "bluesky", post.uri, post) for post in posts], now=now
        )


def author(db: Database, number: int) -> Author:
    with db.begin() as conn:
        found = find_post(conn, "bluesky", str(number))
    assert found
    return found.post.author


class Bounded:
    """A source that is stopped when it has nothing more."""

    def __init__(self, source: Any, stop: threading.Event, idle: int = 3) -> None:
        self.name, self._source, self._stop, self._idle = source.name, source, stop, idle

    def read(self, cursor: str) -> Iterator[Record | None]:
        idle = 0
        for record in self._source.read(cursor):
            idle = idle + 1 if record is None else 0
            yield record
            if idle >= self._idle:
                self._stop.set()


def accounts(db: Database, servers: FakeServers, side: Side, stop: threading.Event) -> Accounts:
    return Accounts(db, "bluesky", appview=servers.base, plc="", side=side, stop=stop)


def profile(number: int, **more: Any) -> dict[str, Any]:
    return {"did": did(number), "handle": f"h{number}.example", **more}


def test_an_appview_names_accounts_once(db: Database, servers: FakeServers) -> None:
    own = {"src": did(2), "uri": f"at://{did(2)}/{PROFILE}/self", "val": "bot"}
    told = {
        did(1): profile(1, displayName="One"),
        did(2): profile(2, labels=[own]),
        did(3): profile(3) | {"handle": "handle.invalid"},
    }
    servers.answers[PROFILES] = lambda query: {
        "profiles": [told[one] for one in query["actors"] if one in told]
    }
    write(db, 1, 2, 3, 4)
    for _ in range(2):
        stop = threading.Event()
        run_source(db, Bounded(accounts(db, servers, Side(), stop), stop), stop=stop)
    assert author(db, 1) == Author("bluesky", did(1), "h1.example", "One")
    assert author(db, 2) == Author("bluesky", did(2), "h2.example", "", True)
    assert author(db, 3).handle == did(3)
    assert author(db, 4).handle == did(4)
    assert [sorted(query["actors"]) for _, query in servers.asked] == [
        [did(n) for n in (1, 2, 3, 4)]
    ]


def test_one_that_goes_by_another_handle_is_asked_for(db: Database, servers: FakeServers) -> None:
    write(db, 1)
    side, stop = Side(), threading.Event()
    side.renamed.append(did(1))
    servers.answers[PROFILES] = {"profiles": [profile(1) | {"handle": "new.example"}]}
    run_source(db, Bounded(accounts(db, servers, side, stop), stop), stop=stop)
    assert author(db, 1).handle == "new.example"


def test_while_the_appview_is_away_nothing_is_forgotten(db: Database, servers: FakeServers) -> None:
    side, stop = Side(), threading.Event()
    side.renamed.append(did(1))
    servers.answers[PROFILES] = 503
    with pytest.raises(SourceError, match="status 503"):
        run_source(db, accounts(db, servers, side, stop), stop=stop)
    assert list(side.renamed) == [did(1)]


def test_consents_of_the_past_are_read_and_then_wait_a_day(
    servers: FakeServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consents, "PAUSE_SECONDS", 0.0)
    record = {"preferences": {"training": {"allow": False}}}
    pages = {"": {"repos": [{"did": did(1)}], "cursor": "2"}, "2": {"repos": [{"did": did(2)}]}}

    def listed(query: dict[str, list[str]]) -> Any:
        if query["collection"] != [CONSENTS[0]]:
            return {"repos": []}
        return pages[query.get("cursor", [""])[0]]

    servers.answers[LISTED] = listed
    servers.answers[f"/{did(1)}"] = {
        "service": [{"id": "#atproto_pds", "serviceEndpoint": servers.base}]
    }
    servers.answers[f"/{did(2)}"] = 404
    uri = f"at://{did(1)}/{CONSENTS[0]}/self"
    servers.answers[RECORDS] = {"records": [{"uri": uri, "value": record}]}
    stop = threading.Event()
    source = Consents("bluesky", relay=servers.base, plc=servers.base, stop=stop)
    given = []
    for one in source.read(""):
        given.append(one)
        if one and one.cursor.startswith("done"):
            break
    events = [one.event for one in given if one and one.event]
    assert [event.signal for event in events] == [Signal(CONSENTS[0], "self", record)]
    last = given[-1]
    assert last
    count = len(servers.asked)
    assert next(iter(source.read(last.cursor))) is None
    assert len(servers.asked) == count
    at_page = next(one for one in given if one and one.cursor.endswith(" 2"))
    assert at_page
    for one in source.read(at_page.cursor):
        if one and one.cursor.startswith("done"):
            break
    assert [query.get("cursor") for path, query in servers.asked if path == LISTED][4] == ["2"]


def test_a_relay_that_lists_nobody_is_no_error(servers: FakeServers) -> None:
    source = Consents("bluesky", relay=servers.base, plc=servers.base, stop=threading.Event())
    first = next(one for one in source.read("") if one)
    assert first.cursor.startswith("done")


@pytest.mark.parametrize(
    ("address", "addresses", "asked"),
    [
        ("https://pds.example", ["93.184.215.14"], True),
        ("http://pds.example", ["93.184.215.14"], False),
        ("https://pds.example", ["10.0.0.7"], False),
        ("https://pds.example", ["93.184.215.14", "127.0.0.1"], False),
        ("https://169.254.169.254", ["169.254.169.254"], False),
        ("https://u:p@pds.example", ["93.184.215.14"], False),
        ("ftp://pds.example", ["93.184.215.14"], False),
        ("", [], False),
    ],
)
def test_only_public_servers_with_tls_are_asked(
    address: str, addresses: list[str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": address}]}
    monkeypatch.setattr(Directory, "document", lambda _self, _did: document)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(0, 0, 0, "", (one, 443)) for one in addresses],
    )
    found = Directory("https://plc.example").host_of(did(1))
    assert (found is not None) == asked


def test_a_refusal_is_a_sentence_without_what_was_sent(servers: FakeServers) -> None:
    server = Server(servers.base)
    with pytest.raises(Refused) as caught:
        server.get("com.example.method", {"q": "private"}, token="token-value")
    assert caught.value.status == 404
    assert caught.value.name == "Refused"
    assert "private" not in str(caught.value)
    servers.answers["/xrpc/com.example.method"] = b"<html>"
    with pytest.raises(SourceError, match="not JSON"):
        server.get("com.example.method")
    with pytest.raises(SourceError, match="cannot be reached"):
        Server("http://127.0.0.1:9").get("com.example.method")


@pytest.mark.parametrize("data", [b"", b"rubbish", libipld.encode_dag_cbor({"a": 1})])
def test_a_repository_that_is_none(data: bytes) -> None:
    with pytest.raises(SourceError, match="damaged"):
        Repository.read(data)


def test_a_repository_whose_tree_has_no_end() -> None:
    ring: dict[str, Any] = {"l": b"root", "e": []}
    with pytest.raises(SourceError, match="damaged"):
        list(Repository("did:plc:a", "r", {b"root": ring}, b"root").records())
