"""Streams from a host that is a fake (fake_host): places, rewinds, gaps, other hosts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import libipld
import pytest
import zstandard

from myna.db.engine import Database
from myna.db.posts import counts, load_cursor
from myna.db.sources import list_gaps
from myna.errors import InvalidRequest, SourceError
from myna.feeds import ingest
from myna.feeds.bluesky import stream as streams
from myna.feeds.bluesky.place import REWIND, Protocol, Target, microseconds, targets_of, time_of
from myna.feeds.bluesky.stream import Stream
from myna.feeds.ingest import run_live
from myna.feeds.source import Record
from tests.feeds.bluesky.fake_host import FakeHost, running
from tests.feeds.bluesky.recorded import as_2

BEGIN = datetime(2026, 7, 4, 12, tzinfo=UTC)


def post(number: int, at: datetime | None = None) -> dict[str, Any]:
    """Post ``number``, seen a second after the one before."""
    at = at or BEGIN + timedelta(seconds=number)
    record = {"text": f"post {number}", "createdAt": at.isoformat()}
    commit = {
        "rev": f"{number:013}",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": f"{number:013}",
        "record": record,
    }
    return {"did": "did:plc:ann", "time_us": microseconds(at), "kind": "commit", "commit": commit}


def second(number: int) -> tuple[int, str]:
    """As Jetstream v2 sends it."""
    return number, as_2(number, post(number)).decode()


def first(number: int, at: datetime | None = None) -> tuple[int, str]:
    """As Jetstream v1 sends it."""
    told = post(number, at)
    return told["time_us"], json.dumps(told)


def framed(number: int) -> tuple[int, bytes]:
    """A relay's frame that tells no post: an account that is there."""
    time = (BEGIN + timedelta(seconds=number)).isoformat()
    body = {"seq": number, "did": f"did:plc:{number}", "time": time, "active": True}
    header = {"op": 1, "t": "#account"}
    return number, libipld.encode_dag_cbor(header) + libipld.encode_dag_cbor(body)


def texts(records: list[Record]) -> list[str]:
    return [one.event.post.text for one in records if one.event and one.event.post]


def take(
    stream: Stream,
    cursor: str,
    enough: Callable[[list[Record]], bool],
    seconds: float = 10,
    *,
    then: Callable[[], Any] | None = None,
) -> list[Record]:
    """Read until there is enough; ``then`` happens when something new is waited for."""
    taken: list[Record] = []
    limit = time.monotonic() + seconds
    reading = stream.read(cursor)
    try:
        for record in reading:
            if record is not None:
                taken.append(record)
            elif then:
                then()
                then = None
            if enough(taken):
                return taken
            assert time.monotonic() < limit, f"only {len(taken)} records came"
    finally:
        reading.close()  # type: ignore[attr-defined]
    raise AssertionError("the stream ended")


def many(count: int) -> Callable[[list[Record]], bool]:
    return lambda taken: len(texts(taken)) >= count


def gaps(records: list[Record]) -> list[str]:
    return [one.gap.reason for one in records if one.gap]


@pytest.fixture
def jetstream() -> Iterator[FakeHost]:
    with running(FakeHost(Protocol.JETSTREAM_2, [second(n) for n in range(1, 6)])) as host:
        yield host


def stream_of(*hosts: FakeHost) -> Stream:
    addresses = [
        host.base if host.protocol is not Protocol.RELAY else Target(host.base, host.protocol).url
        for host in hosts
    ]
    return Stream("bluesky", [one for address in addresses for one in targets_of(address)])


def test_the_live_end_is_where_an_unread_stream_begins(jetstream: FakeHost) -> None:
    stream = stream_of(jetstream)
    taken = take(stream, "", many(1), then=lambda: jetstream.say(second(6)))
    assert texts(taken) == ["post 6"]
    assert "cursor" not in jetstream.asked[0]
    assert "app.bsky.feed.post" in jetstream.asked[0]["collections"]


def test_what_was_read_does_not_come_again(jetstream: FakeHost) -> None:
    cursor = f"v2 {jetstream.host} 3 2026-07-04T12:00:03Z"
    taken = take(stream_of(jetstream), cursor, many(2))
    assert jetstream.asked[0]["cursor"] == ["3"]
    assert texts(taken) == ["post 4", "post 5"]
    assert taken[-1].cursor == f"v2 {jetstream.host} 5 2026-07-04T12:00:05.000000Z"
    assert time_of(taken[-1].cursor) == BEGIN + timedelta(seconds=5)


def test_another_host_goes_on_by_the_time(jetstream: FakeHost) -> None:
    jetstream.messages = [(microseconds(BEGIN) + n, second(n)[1]) for n in range(1, 6)]
    taken = take(stream_of(jetstream), "v2 other 900 2026-07-04T12:00:03Z", many(5))
    begin = microseconds(BEGIN + timedelta(seconds=3) - REWIND)
    assert jetstream.asked[0]["cursor"] == [str(begin)]
    assert len(texts(taken)) == 5  # again, and harmless
    assert gaps(taken) == []


def test_an_older_jetstream_is_read_as_such_with_a_rewind() -> None:
    with running(FakeHost(Protocol.JETSTREAM_1, [first(n) for n in range(1, 21)])) as host:
        cursor = f"v1 {host.host} {microseconds(BEGIN + timedelta(seconds=10))}"
        taken = take(stream_of(host), cursor, many(16))
        assert texts(taken)[0] == "post 5"
        assert "app.bsky.feed.like" in host.asked[0]["wantedCollections"]
        assert gaps(taken) == []
        late = f"v1 - {microseconds(BEGIN - timedelta(hours=5))}"
        assert gaps(take(stream_of(host), late, many(1))) == ["the host keeps no more of the past"]


def test_compressed_messages(jetstream: FakeHost) -> None:
    samples = [second(n)[1].encode() for n in range(200)]
    dictionary = zstandard.train_dictionary(4_000, samples)  # pyright: ignore[reportArgumentType]
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    jetstream.dictionary = dictionary.as_bytes()
    jetstream.encode = lambda message: compressor.compress(str(message).encode())
    taken = take(stream_of(jetstream), f"v2 {jetstream.host} 1 -", many(4))
    assert texts(taken)[0] == "post 2"
    assert jetstream.asked[0]["zstdDictionary"] == [str(dictionary.dict_id())]


def test_a_place_that_is_too_old_leaves_a_gap(jetstream: FakeHost) -> None:
    def refuse(query: dict[str, list[str]]) -> tuple[int, str] | None:
        return (400, "CursorTooOld") if int(query["cursor"][0]) < 10**15 else None

    jetstream.refuse = refuse
    jetstream.messages = [(microseconds(BEGIN) + n, second(n)[1]) for n in (4, 5)]
    taken = take(stream_of(jetstream), f"v2 {jetstream.host} 1 2026-07-03T00:00:00Z", many(2))
    (gap,) = [one.gap for one in taken if one.gap]
    assert gap.reason == "the host keeps no more of the past"
    assert gap.since == datetime(2026, 7, 3, tzinfo=UTC)
    assert gap.until == BEGIN + timedelta(seconds=4)


def test_a_host_that_has_numbered_anew_leaves_a_gap(jetstream: FakeHost) -> None:
    payload = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "FutureCursor"}
    info = json.dumps({"$type": "message", "payload": payload})
    jetstream.greet = lambda _query: [info, second(7)[1]]
    taken = take(stream_of(jetstream), f"v2 {jetstream.host} 9000 2026-07-04T11:00:00Z", many(1))
    assert texts(taken) == ["post 7"]
    assert gaps(taken) == ["the host has numbered anew"]


def test_a_relay_that_knows_no_such_number_is_read_from_its_end() -> None:
    error = libipld.encode_dag_cbor({"op": -1}) + libipld.encode_dag_cbor({"error": "FutureCursor"})
    with running(FakeHost(Protocol.RELAY, [framed(n) for n in range(1, 4)])) as host:
        host.greet = lambda query: [error] if "cursor" in query else [framed(3)[1]]
        taken = take(stream_of(host), f"relay {host.host} 99 2026-07-04T11:00:00Z", bool)
        assert [one for one in taken if one.gap]
        assert "cursor" not in host.asked[1]


def test_a_relay_goes_on_behind_its_number() -> None:
    with running(FakeHost(Protocol.RELAY, [framed(n) for n in range(1, 6)])) as host:
        taken = take(stream_of(host), f"relay {host.host} 3 -", lambda taken: len(taken) >= 2)
        assert host.asked[0]["cursor"] == ["3"]
        assert [one.event.uri for one in taken if one.event] == ["did:plc:4", "did:plc:5"]


def test_a_bad_message_is_told_and_passed(jetstream: FakeHost) -> None:
    jetstream.messages.insert(4, (5, "{ not JSON"))
    taken = take(stream_of(jetstream), f"v2 {jetstream.host} 3 -", many(2))
    assert [one.rejection.reason for one in taken if one.rejection] == [
        "is not a message of Jetstream v2"
    ]


def test_a_message_of_several_events_is_whole_or_comes_again() -> None:
    """The place behind it is that of its last event alone."""
    profile = post(2)
    profile["commit"] |= {
        "collection": "app.bsky.actor.profile",
        "rkey": "self",
        "record": {"displayName": "Ann"},
    }
    with running(FakeHost(Protocol.JETSTREAM_2)) as host:
        host.messages = [second(1), (2, as_2(2, profile).decode())]
        taken = take(stream_of(host), f"v2 {host.host} 0 -", lambda taken: len(taken) == 3)
    assert [one.cursor.split()[2] for one in taken] == ["1", "1", "2"]


def test_what_only_others_say_moves_the_place(
    jetstream: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "IDLE_CURSOR_SECONDS", 0.0)
    told = json.loads(second(6)[1])
    told["payload"]["collection"] = "app.bsky.graph.follow"
    jetstream.say((6, json.dumps(told)))
    taken = take(stream_of(jetstream), f"v2 {jetstream.host} 5 -", lambda taken: len(taken) == 1)
    assert taken[0].event is None
    assert taken[0].cursor.split()[2] == "6"


def test_a_host_that_is_away_is_told_in_one_sentence() -> None:
    with running(FakeHost(Protocol.JETSTREAM_2)) as host:
        pass
    with pytest.raises(SourceError, match=f"{host.host} cannot be reached"):
        next(iter(stream_of(host).read("")))


def test_after_some_failures_the_next_host_is_read(jetstream: FakeHost) -> None:
    with running(FakeHost(Protocol.RELAY)) as dead:
        dead.down = True
        stream = stream_of(dead, jetstream)
        cursor = f"v2 {jetstream.host} 3 -"
        for _ in range(streams.FALLBACK_AFTER):
            with pytest.raises(SourceError, match="status 503"):
                take(stream, cursor, many(2))
        assert texts(take(stream, cursor, many(2))) == ["post 4", "post 5"]


def test_and_the_first_one_again_later(
    jetstream: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(FakeHost(Protocol.RELAY, [framed(1)])) as home:
        home.down = True
        stream = stream_of(home, jetstream)
        for _ in range(streams.FALLBACK_AFTER):
            with pytest.raises(SourceError):
                next(iter(stream.read("")))
        home.down = False
        monkeypatch.setattr(streams, "HOME_SECONDS", 0.0)
        home.greet = lambda _query: [framed(1)[1]]
        taken = take(stream, f"v2 {jetstream.host} 3 2026-07-04T12:00:03Z", lambda t: len(t) >= 4)
        assert any(one.event and one.event.uri == "did:plc:1" for one in taken)
        assert gaps(taken) == ["another host went on"]


@pytest.mark.parametrize(
    "address",
    ["https://host", "wss://", "wss://host/elsewhere", "wss://a:b@host", "wss://host?cursor=1"],
)
def test_what_is_no_address_of_a_stream(address: str) -> None:
    with pytest.raises(InvalidRequest, match="wss://HOST"):
        targets_of(address)


def test_through_broken_connections_nothing_is_lost_or_doubled(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(ingest, "LONGEST_WAIT_SECONDS", 0.02)
    stop = threading.Event()
    told: list[str | None] = []
    with running(FakeHost(Protocol.JETSTREAM_2, hang_up_after=7)) as host:
        stream = stream_of(host)
        thread = threading.Thread(target=run_live, args=(db, stream, stop, told.append))
        thread.start()
        try:
            while not host.asked:  # it listens: what is said now is new
                time.sleep(0.01)
            for number in range(1, 61):
                host.say(second(number))
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                with db.begin() as conn:
                    state = load_cursor(conn, "bluesky")
                if state and state.cursor.split()[2] == "60":
                    break
                time.sleep(0.05)
        finally:
            stop.set()
            thread.join(10)
    with db.begin() as conn:
        assert counts(conn).posts == 60
        state = load_cursor(conn, "bluesky")
        assert list_gaps(conn, 9) == []
    assert state
    assert state.accepted == 60
    assert f"{host.host} closed the connection. It is opened again." in told
    assert not thread.is_alive()
