"""Chats in a real PostgreSQL: the tree, the viewer's scope, deletions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from myna.db import chats as store
from myna.db.chats import Progress
from myna.db.engine import Database
from myna.db.grounds import POST, Ground, read_grounds, save_grounds
from myna.db.posts import apply_events, find_post, get_posts
from myna.post import Author, Event, Kind, Post, Use

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ASKED = Progress("done", text="How?", finished_at=NOW)


def post(uri: str, text: str = "Like this.") -> Event:
    author = Author("irc", "ada", "ada")
    return Event(Kind.CREATE, "irc", uri, Post("irc", uri, author, text, NOW))


def test_chats_belong_to_their_viewer_alone(db: Database) -> None:
    with db.begin() as conn:
        chat = store.create_chat(conn, "ada", "", NOW)
        question = store.add_message(conn, chat.id, None, "user", ASKED, now=NOW)
        assert question
        assert store.find_chat(conn, "bob", chat.id) is None
        assert store.find_message(conn, "bob", question.id) is None
        assert store.rename_chat(conn, "bob", chat.id, "mine", NOW) is None
        assert not store.delete_chat(conn, "bob", chat.id)
        assert store.list_chats(conn, "bob", 10) == []
        assert store.find_message(conn, "ada", question.id) == question


def test_chats_are_listed_by_their_last_use(db: Database) -> None:
    with db.begin() as conn:
        first = store.create_chat(conn, "ada", "first", NOW)
        second = store.create_chat(conn, "ada", "second", NOW + timedelta(minutes=1))
        assert [c.title for c in store.list_chats(conn, "ada", 10)] == ["second", "first"]
        store.add_message(conn, first.id, None, "user", ASKED, now=NOW + timedelta(minutes=2))
        assert [c.id for c in store.list_chats(conn, "ada", 10)] == [first.id, second.id]
        assert len(store.list_chats(conn, "ada", 1)) == 1


def test_a_title_is_given_once_and_renamed_at_will(db: Database) -> None:
    with db.begin() as conn:
        chat = store.create_chat(conn, "ada", "", NOW)
        store.title_chat(conn, chat.id, "first")
        store.title_chat(conn, chat.id, "second")
        found = store.find_chat(conn, "ada", chat.id)
        assert found and found.title == "first"
        renamed = store.rename_chat(conn, "ada", chat.id, "third", NOW)
        assert renamed and renamed.title == "third"


def test_the_path_leads_from_the_root_to_the_message_past_other_branches(db: Database) -> None:
    with db.begin() as conn:
        chat = store.create_chat(conn, "ada", "", NOW)
        parent = None
        path = []
        for number in range(6):
            role = "assistant" if number % 2 else "user"
            beside = Progress("done", text=f"beside {number}")
            store.add_message(conn, chat.id, parent, role, beside, now=NOW)
            progress = Progress("done", text=str(number))
            message = store.add_message(conn, chat.id, parent, role, progress, now=NOW)
            assert message
            path.append(message)
            parent = message.id
        assert store.read_path(conn, path[-1].id) == path
        assert store.read_path(conn, path[-1].id, 3) == path[-3:]
        assert store.read_path(conn, uuid4()) == []
        assert store.count_messages(conn, chat.id) == 12
        assert len(store.list_messages(conn, chat.id)) == 12


def test_progress_is_kept_as_it_was_given(db: Database) -> None:
    progress = Progress(
        "failed",
        "declined",
        "Ünï 🐦",
        ({"kind": "citation", "start": 0, "end": 3, "numbers": [1, 2]},),
        ({"code": "no_evidence", "text": "Nothing."},),
        {"prompt_tokens": 5, "completion_tokens": 2},
        {"code": "model", "message": "Away."},
        "smol",
        "v1",
        NOW,
    )
    with db.begin() as conn:
        chat = store.create_chat(conn, "ada", "", NOW)
        message = store.add_message(conn, chat.id, None, "assistant", Progress(), now=NOW)
        assert message
        assert store.save_progress(conn, message.id, progress)
        found = store.find_message(conn, "ada", message.id)
        assert found and found.progress == progress
        store.delete_chat(conn, "ada", chat.id)
        assert not store.save_progress(conn, message.id, progress)
        assert store.add_message(conn, chat.id, None, "user", ASKED, now=NOW) is None


def test_sources_are_keys_so_a_deleted_post_has_no_text(db: Database) -> None:
    with db.begin() as conn:
        apply_events(conn, [post("a"), post("b")], now=NOW)
        ids = [found.id for uri in "ab" if (found := find_post(conn, "irc", uri))]
        chat = store.create_chat(conn, "ada", "", NOW)
        message = store.add_message(conn, chat.id, None, "assistant", Progress(), now=NOW)
        assert message
        grounds = [Ground(1, POST, ids[1], 7, copies=4), Ground(2, POST, ids[0], None, Use.TRAIN)]
        save_grounds(conn, message.id, [*grounds, Ground(3, POST, 999_999, 0)])
        save_grounds(conn, message.id, grounds)
        apply_events(conn, [Event(Kind.DELETE, "irc", "b")], now=NOW)
    with db.begin() as conn:
        assert read_grounds(conn, [message.id]) == {message.id: grounds}
        assert set(get_posts(conn, ids)) == {ids[0]}
        store.delete_chat(conn, "ada", chat.id)
        assert read_grounds(conn, [message.id]) == {}


def test_what_a_dead_process_left_running_is_interrupted(db: Database) -> None:
    with db.begin() as conn:
        chat = store.create_chat(conn, "ada", "", NOW)
        half = Progress("running", text="Half an")
        message = store.add_message(conn, chat.id, None, "assistant", half, now=NOW)
        done = store.add_message(conn, chat.id, None, "user", ASKED, now=NOW)
        assert message and done
        assert store.interrupt_running(conn, NOW) == 1
        found = store.find_message(conn, "ada", message.id)
        assert found and (found.progress.state, found.progress.text) == ("interrupted", "Half an")
        assert store.interrupt_running(conn, NOW) == 0
