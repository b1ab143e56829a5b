"""A hidden account is not found, a returned one at once, a purged one never again."""

from __future__ import annotations

import pytest

from myna.db.posts import apply_events
from myna.index import accounts
from myna.post import Event, Kind
from tests.index.world import NOW, World, make_post


@pytest.fixture(autouse=True)
def asks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_KNOWN_SECONDS", 0.0)


def tell(world: World, kind: Kind, author: str) -> None:
    with world.db.begin() as conn:
        apply_events(conn, [Event(kind, "test", author)], now=NOW)


def test_hidden_and_back_without_the_index_having_moved(world: World) -> None:
    world.add(
        make_post("1", "mount the image"),
        make_post("2", "burn the image", by="bob"),
        make_post("3", "how do you mount an image?", by="ann"),
    )
    tell(world, Kind.HIDE, "ann")
    found = world.searcher.search("image", now=NOW)
    assert [hit.post.post.uri for hit in found.hits] == ["2"]
    assert found.total == 1
    assert world.retrieve("how do I mount the image") == ["2"]
    tell(world, Kind.RETURN, "ann")
    assert set(world.search("image")) == {"1", "2", "3"}


def test_a_post_of_a_hidden_account_is_found_when_it_is_back(world: World) -> None:
    tell(world, Kind.HIDE, "ann")
    world.add(make_post("1", "mount the image"))
    assert world.search("image") == []
    tell(world, Kind.RETURN, "ann")
    assert world.search("image") == ["1"]


def test_purged_and_then_gone_from_the_index(world: World) -> None:
    world.add(*(make_post(str(n), f"post {n} about an image") for n in range(1_200)))
    world.add(make_post("b", "burn the image", by="bob"))
    tell(world, Kind.PURGE, "ann")
    assert world.search("image") == ["b"]
    world.follow()
    status = world.searcher.status()
    assert (status.documents, status.vectors, status.lag) == (1, 1, 0)
    tell(world, Kind.RETURN, "ann")
    assert world.search("image") == ["b"]
