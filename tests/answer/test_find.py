"""What an answer may rest on."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.answer.find import find
from myna.answer.gather import gather
from myna.answer.quote import best_quotation
from myna.db.engine import Database
from myna.index.embed import OnnxEmbedder
from myna.index.search import Searcher
from tests.index.world import World, make_post


@pytest.fixture
def world(db: Database, tmp_path: Path) -> World:
    embedder = OnnxEmbedder()
    world = World(db, tmp_path, embedder, Searcher(db, tmp_path, embedder=embedder))
    asking = [
        make_post(f"q{n}", f"hello {name}, what is grub? grub I mean, grub", by=name)
        for n, name in enumerate(("bob", "cat", "dan", "eve", "fay", "gil", "hal", "ida"))
    ]
    world.add(
        *asking,
        make_post("says", "GRUB is the boot manager that starts the kernel, see its manual page"),
        make_post("uses", "I reinstalled grub and now the machine boots again"),
        make_post("bread", "Bake the bread for an hour"),
    )
    return world


def test_the_post_that_says_what_a_thing_is_is_found_behind_those_that_ask(world: World) -> None:
    found = find(world.searcher, "What is grub?")
    assert found.answerable
    sources = gather(world.db, found.hits)
    quoted = best_quotation(sources, "What is grub?", world.searcher.idf)
    assert quoted is not None
    assert quoted.source.post.post.uri == "says"
    assert len({hit.post.id for hit in found.hits}) == len(found.hits)


def test_what_nobody_said_is_not_answerable(world: World) -> None:
    assert not find(world.searcher, "What is the moon?").answerable
    assert not find(world.searcher, "Who is the president of France?").answerable
