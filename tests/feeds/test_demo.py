"""The demo network: what is in the package, the history, and the replay that follows it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from myna.db.engine import Database
from myna.db.networks import list_networks
from myna.db.posts import counts, get_parents, last_seq, load_cursor, read_changes
from myna.feeds import demo
from myna.feeds.ingest import run_source
from myna.settings import Settings


def test_the_package_holds_what_was_promised() -> None:
    assert demo.FILE.stat().st_size <= 8_000_000
    posts = list(demo._posts(0, demo.POSTS + 1))
    assert len(posts) == demo.POSTS >= 60_000
    uris = {post.uri for post in posts}
    assert len(uris) == demo.POSTS
    parents = [post.reply_to for post in posts if post.reply_to]
    assert len(parents) > 50_000
    assert uris.issuperset(parents)
    assert any(post.author.is_bot for post in posts)
    assert "CC BY 4.0" in demo.NETWORK.attribution
    last = posts[-1]
    assert last.url
    assert last.url.startswith("https://irclogs.ubuntu.com/2018/")
    assert [post.created_at for post in posts] == sorted(post.created_at for post in posts)


def test_the_history_is_loaded_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "HISTORY_POSTS", 2500)
    seen: list[tuple[int, int]] = []
    demo.load_history(db, lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 2500)
    assert seen[-1] == (2500, 2500)
    with db.begin() as conn:
        assert counts(conn).networks == {"ubuntu-irc": 2500}
        assert list_networks(conn) == [demo.NETWORK]
        before = last_seq(conn)
    demo.load_history(db)
    with db.begin() as conn:
        assert last_seq(conn) == before


def test_a_new_file_is_read_from_its_beginning(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "HISTORY_POSTS", 10)
    monkeypatch.setattr(demo, "_version", lambda: "old")
    demo.load_history(db)
    monkeypatch.setattr(demo, "_version", lambda: "new")
    demo.load_history(db)
    with db.begin() as conn:
        state = load_cursor(conn, demo.History().name)
        assert state
        assert (state.cursor, state.accepted) == ("new 10", 20)
        assert counts(conn).posts == 10


def replay_until(db: Database, wanted: int) -> None:
    stop = threading.Event()
    settings = Settings(demo_pace=1000)
    thread = threading.Thread(target=demo.run_demo, args=(settings, db, stop))
    thread.start()
    deadline = time.monotonic() + 30
    while posts(db) < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join()


def posts(db: Database) -> int:
    with db.begin() as conn:
        return counts(conn).posts


def test_the_replay_follows_as_if_it_were_now(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "HISTORY_POSTS", 500)
    replay_until(db, 560)
    first = posts(db)
    replay_until(db, first + 20)  # a restart goes on behind the last one
    assert posts(db) >= first + 20
    with db.begin() as conn:
        changes = read_changes(conn, 500, 10_000)
        live = {item.post.uri: item for item in changes if "original_created_at" in item.post.raw}
        assert len(live) == posts(db) - 500
        for item in live.values():
            assert datetime.now(UTC) - item.post.created_at < timedelta(minutes=5)
            assert datetime.fromisoformat(item.post.raw["original_created_at"]).year < 2019
        assert get_parents(conn, list(live.values()))
        assert conn.execute(text("select count(distinct uri) - count(*) from posts")).scalar() == 0


def test_pace_0_waits_until_it_is_stopped(db: Database) -> None:
    stop = threading.Event()
    replay = demo.Replay(0, stop)
    thread = threading.Thread(target=run_source, args=(db, replay), kwargs={"stop": stop})
    thread.start()
    thread.join(0.4)
    assert thread.is_alive()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert posts(db) == 0
