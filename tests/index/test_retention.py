"""Retention: what is past an age or a size goes for good, in order, and does not come back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from myna.db.chats import Progress, add_message, create_chat
from myna.db.grounds import POST, Ground, save_grounds
from myna.db.posts import apply_events, last_seq
from myna.db.retention import expire_posts, keep_after, measure_posts
from myna.index.locks import rows_stay
from myna.index.retention import INDEX_BYTES, apply_horizon, horizon, remove_expired
from myna.index.upkeep import apply_retention
from myna.post import Event, Kind
from myna.settings import Settings
from tests.index.world import NOW, World, make_post

GO = threading.Event()
OLD = NOW - timedelta(days=30)


def rows(world: World, table: str = "posts") -> int:
    with world.db.begin() as conn:
        return conn.execute(text(f"select count(*) from {table}")).scalar_one()


@pytest.fixture
def posts(world: World) -> World:
    """Ten posts of 40 days ago and ten of an hour ago."""
    world.add(
        *(make_post(f"old{n}", f"old{n} zanzibar", by="eve", hours_ago=960) for n in range(10))
    )
    world.add(*(make_post(f"new{n}", f"new{n} zanzibar") for n in range(10)))
    return world


def test_old_posts_go_from_search_then_from_the_store(posts: World) -> None:
    assert apply_horizon(posts.db, OLD, GO) == 10
    assert set(posts.search("zanzibar", limit=30)) == {f"new{n}" for n in range(10)}
    assert remove_expired(posts.db, posts.folder, GO) == 0  # the index has not seen it yet
    assert rows(posts) == 20
    posts.follow()
    assert posts.searcher.status().documents == 10
    assert posts.searcher.status().vectors == 10
    assert remove_expired(posts.db, posts.folder, GO) == 10
    assert (rows(posts), rows(posts, "expired_posts"), rows(posts, "authors")) == (10, 0, 1)
    assert apply_horizon(posts.db, OLD, GO) == 0


def test_an_index_made_anew_is_up_to_date_though_the_last_rows_are_gone(posts: World) -> None:
    apply_horizon(posts.db, OLD, GO)
    posts.follow()
    remove_expired(posts.db, posts.folder, GO)
    (posts.folder / "text.json").unlink()
    posts.follow(vectors=False)
    assert posts.searcher.status().lag == 0


def test_what_went_does_not_come_back_by_a_replay(posts: World) -> None:
    apply_horizon(posts.db, OLD, GO)
    posts.follow()
    remove_expired(posts.db, posts.folder, GO)
    posts.add(make_post("old1", "old1 zanzibar", by="eve", hours_ago=960), make_post("late", "x"))
    assert posts.find("old1") is None
    assert posts.find("late") is not None
    with posts.db.begin() as conn:
        events = [Event(Kind.CREATE, "test", "old2", make_post("old2", "z", hours_ago=960))]
        assert apply_events(conn, events, now=NOW).unchanged == 1


def test_an_edit_of_an_old_post_that_is_still_there_is_taken(posts: World) -> None:
    with posts.db.begin() as conn:
        conn.execute(text("update change_counter set keep_after = :at"), {"at": OLD})
    posts.add(make_post("old1", "the name is taken out", by="eve", hours_ago=960))
    found = posts.find("old1")
    assert found is not None
    assert found.post.text == "the name is taken out"


def test_tombstones_of_the_network_go_by_the_same_horizon(posts: World) -> None:
    posts.delete("old3")
    assert apply_horizon(posts.db, OLD, GO) == 10
    posts.follow()
    assert remove_expired(posts.db, posts.folder, GO) == 10


def test_a_cited_post_keeps_an_empty_row_until_the_chat_goes(posts: World) -> None:
    cited = posts.find("old5")
    assert cited is not None
    with posts.db.begin() as conn:
        chat = create_chat(conn, "viewer", "", NOW)
        message = add_message(conn, chat.id, None, "assistant", Progress(), now=NOW)
        assert message is not None
        save_grounds(conn, message.id, [Ground(1, POST, cited.id, None)])
    apply_horizon(posts.db, OLD, GO)
    posts.follow()
    assert remove_expired(posts.db, posts.folder, GO) == 9
    assert posts.find("old5") is None
    with posts.db.begin() as conn:
        conn.execute(text("delete from chats"))
    assert remove_expired(posts.db, posts.folder, GO) == 1
    assert rows(posts) == 10


def test_rows_stay_while_somebody_reads_from_the_beginning(posts: World) -> None:
    apply_horizon(posts.db, OLD, GO)
    posts.follow()
    with rows_stay(posts.folder):
        assert remove_expired(posts.db, posts.folder, GO) == 0
    assert remove_expired(posts.db, posts.folder, GO) == 10


def test_a_batch_takes_no_more_than_asked_and_numbers_without_gaps(posts: World) -> None:
    with posts.db.begin() as conn:
        before = last_seq(conn)
        assert expire_posts(conn, OLD, 0, 100, 4) == 4
        assert last_seq(conn) == before + 4
        seqs = conn.execute(text("select seq from posts order by seq desc limit 5")).scalars().all()
        assert seqs == [before + 4, before + 3, before + 2, before + 1, before]


def test_by_age_counts_from_when_a_post_was_posted(posts: World, settings: Settings) -> None:
    aged = settings.model_copy(update={"retention_days": 30})
    now = datetime.now(UTC)
    assert horizon(aged, posts.db, now) == now - timedelta(days=30)
    assert horizon(settings, posts.db, now) is None


def test_by_size_the_oldest_go_and_stay_away(world: World, settings: Settings) -> None:
    texts = "a rather long text about disks and tapes " * 30
    world.add(*(make_post(str(n), f"{n} {texts}", hours_ago=1000 - n) for n in range(300)))
    with world.db.begin() as conn:
        whole = measure_posts(conn)
    limit = whole.live * (whole.bytes_per_post + INDEX_BYTES) / 2
    sized = Settings(
        home=Path("/nowhere"), retention_gb=limit / 1e9, database_url=settings.database_url
    )
    gone = apply_retention(world.db, sized, GO)
    assert 140 <= gone <= 170
    assert world.find("0") is None
    assert world.find("299") is not None
    with world.db.begin() as conn:
        left, kept = measure_posts(conn), keep_after(conn)
        assert left.live * (left.bytes_per_post + INDEX_BYTES) <= limit
    assert apply_retention(world.db, sized, GO) == 0
    world.add(make_post("0", "again", hours_ago=1000), index=False)
    assert world.find("0") is None
    assert horizon(sized.model_copy(update={"retention_gb": 1.0}), world.db, NOW) == kept
