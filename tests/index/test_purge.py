"""What was deleted is gone from the disk: looked for in every file, byte by byte."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tantivy
from psycopg import connect
from pydantic import SecretStr

from myna.db.engine import Database, open_database
from myna.db.posts import apply_events
from myna.index.embed import OnnxEmbedder
from myna.index.follow import Follower
from myna.index.purge import is_due, kept_deletions, purge
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.index.world import World, make_post

WORD = "zqxwvsecret"
"""In deleted posts alone; lower case, as the text index has it."""
HOUR = 3600.0


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="myna-purge-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def places(home: Path) -> list[str]:
    """Files in which the word stands."""
    return [
        str(path.relative_to(home))
        for path in sorted(home.rglob("*"))
        if path.is_file() and WORD.encode() in path.read_bytes()
    ]


def posts_with_the_term(settings: Settings) -> int:
    """As the term dictionaries of all text indexes under the home have it, deleted posts among
    them: in there, terms are packed so that their bytes cannot be looked for."""
    folders = [path.parent for path in settings.index_dir.rglob("meta.json")]
    assert folders
    indexes = [tantivy.Index.open(str(folder)) for folder in folders]
    return sum(index.searcher().doc_freq("body", WORD) for index in indexes)


def checkpoint(database: Database) -> None:
    with connect(database.url.get_secret_value(), autocommit=True) as conn:
        conn.execute("analyze")
        conn.execute("checkpoint")


def follow(database: Database, settings: Settings) -> None:
    follower = Follower(database, settings.index_dir)
    follower.catch_up()
    follower.close()


def test_a_deleted_text_is_in_no_file_after_a_purge(home: Path) -> None:
    luck = random.Random(3)
    settings = Settings(home=home, database_url=SecretStr(""))
    database = open_database(settings)
    author = Author("n", "ann", "ann")
    now = datetime.now(UTC)

    def post(number: int, text: str) -> Event:
        return Event(
            Kind.CREATE,
            "n",
            str(number),
            Post("n", str(number), author, text, now, raw={"t": text}),
        )

    try:
        filler = ["river", "bridge", "winter", "market", "signal", "garden", "copper"]
        events = [post(n, " ".join(luck.choices(filler, k=12)) + f" n{n}") for n in range(400)]
        for n in range(0, 400, 9):
            long = "".join(luck.choices("abcdefgh ", k=4000)) if n % 18 else "short"
            events[n] = post(n, f"{WORD} {long} {WORD}")
        with database.begin() as conn:
            apply_events(conn, events, now=now)
        follow(database, settings)
        checkpoint(database)
        before = places(home)
        assert any(name.startswith("postgres/base") for name in before)
        assert any(name.startswith("postgres/pg_wal") for name in before)
        assert posts_with_the_term(settings) == 45

        with database.begin() as conn:
            apply_events(conn, [Event(Kind.DELETE, "n", str(n)) for n in range(0, 400, 9)], now=now)
        follow(database, settings)
        checkpoint(database)
        assert places(home)
        assert posts_with_the_term(settings) == 45
        assert kept_deletions(settings.index_dir) == 45

        done = purge(database, settings.index_dir)
        assert places(home) == []
        assert posts_with_the_term(settings) == 0
        assert (done.deletions, done.store.log) == (45, True)
        assert kept_deletions(settings.index_dir) == 0
        searcher = Searcher(database, settings.index_dir, embedder=None)
        assert searcher.status().documents == 355
        assert searcher.search("n1").hits[0].post.post.uri == "1"
    finally:
        database.dispose()
    assert places(home) == []


def test_an_index_without_deletions_is_left_as_it_is(world: World) -> None:
    world.add(make_post("1", "mount the image"))
    names = sorted(path.name for path in world.folder.glob("text-*"))
    assert purge(world.db, world.folder).deletions == 0
    assert sorted(path.name for path in world.folder.glob("text-*")) == names


def test_when_a_purge_is_due(world: World, embedder: OnnxEmbedder) -> None:
    del embedder
    world.add(make_post("1", "mount the image"))
    now = 1_000_000.0
    assert not is_due(world.db, world.folder, 24, now)  # the hours begin
    assert not is_due(world.db, world.folder, 24, now + 20 * HOUR)  # nothing was deleted
    world.add(make_post("1", "mount another image"), make_post("2", "burn it"))
    assert not is_due(world.db, world.folder, 24, now + 38 * HOUR)
    assert is_due(world.db, world.folder, 24, now + 40 * HOUR)
    assert not is_due(world.db, world.folder, 0, now + 999 * HOUR)
    purge(world.db, world.folder)
    assert not is_due(world.db, world.folder, 24, now + 10**10)  # nothing has changed since
    world.delete("1")
    assert is_due(world.db, world.folder, 24, now + 10**10)
