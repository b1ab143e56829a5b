"""Pages never repeat or skip a post that was there at the first one, whatever happens meanwhile."""

from __future__ import annotations

import base64
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import InvalidRequest
from myna.index import lookup
from myna.index import search as search_module
from myna.index.cursor import Cursor, read_cursor, search_key, write_cursor
from myna.index.search import Sort
from tests.index.world import NOW, World, make_post, uris

BEFORE = NOW - timedelta(minutes=30)
"""When the first page is asked for: what is added later comes later."""
SORTS: tuple[Sort, ...] = ("relevance", "latest", "oldest")


def posts(count: int, *, start: int = 0) -> list[str]:
    return [f"p{n:03}" for n in range(start, start + count)]


@pytest.fixture
def full(world: World) -> World:
    """Sixty posts, of which ten at a time have the same time."""
    world.add(
        *(
            make_post(uri, f"image number {n} " + "image " * (n % 4), hours_ago=n // 10 + 1)
            for n, uri in enumerate(posts(60))
        )
    )
    return world


def pages(world: World, query: str, sort: Sort, limit: int, meanwhile: list[int]) -> list[str]:
    """All pages, one after the other; between them posts arrive, are edited and are deleted."""
    found: list[str] = []
    cursor = None
    for step in range(99):
        result = world.searcher.search(query, sort=sort, limit=limit, cursor=cursor, now=BEFORE)
        found += uris(result.hits)
        cursor = result.next_cursor
        if cursor is None:
            return found
        if meanwhile:
            number = meanwhile.pop()
            world.add(
                make_post(f"new{step}", "image image image image", hours_ago=0),
                make_post(f"p{number:03}", f"edited image {step}", hours_ago=number // 10 + 1),
            )
            world.delete(f"p{number + 1:03}")
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(("limit", "best"), [(7, 150), (7, 20), (25, 30), (60, 150), (61, 150)])
def test_pages_hold_everything_once(
    full: World, sort: Sort, limit: int, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "BY_WORDS", best)
    monkeypatch.setattr(search_module, "RANKED_TYPED", 16)
    found = pages(full, "image", sort, limit, [])
    assert len(found) == 60
    assert set(found) == set(posts(60))
    times = [int(uri[1:]) // 10 for uri in found]
    if sort != "relevance":
        assert times == sorted(times, reverse=sort == "oldest")


@pytest.mark.parametrize("sort", SORTS)
def test_pages_stay_stable_while_posts_come_and_go(
    full: World, sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "BY_WORDS", 20)
    changed = [50, 40, 31, 30, 22, 10]
    gone = {f"p{n + 1:03}" for n in changed}
    found = pages(full, "image", sort, 9, changed.copy())
    assert len(found) == len(set(found)), "repeated"
    old = [uri for uri in found if uri.startswith("p")]
    assert set(posts(60)) - gone <= set(old), "skipped"
    if sort != "oldest":
        assert old == found, "a post that came later"


def test_common_words_are_looked_for_in_windows_of_time(
    full: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = pages(full, "image", "latest", 7, [])
    oldest = pages(full, "image", "oldest", 7, [])
    monkeypatch.setattr(lookup, "_WINDOWED", 0)
    monkeypatch.setattr(lookup, "_FIRST_WINDOW_MS", 1000)
    assert pages(full, "image", "latest", 7, []) == usual
    assert pages(full, "image", "oldest", 7, []) == oldest


def test_large_totals_are_a_lower_bound(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    result = full.searcher.search("image", limit=5, sort="latest", now=NOW)
    assert (result.total, result.total_exact) == (60, True)
    monkeypatch.setattr(lookup, "_WINDOWED", 0)
    monkeypatch.setattr(lookup, "COUNTED", 10)
    monkeypatch.setattr(lookup, "COUNTED_AT_LEAST", 10)
    result = full.searcher.search("image", limit=5, sort="latest", now=NOW)
    assert not result.total_exact
    assert 10 <= result.total < 60
    assert result.next_cursor
    later = full.searcher.search("image", sort="latest", cursor=result.next_cursor)
    assert (later.total, later.total_exact) == (result.total, False)


def test_near_meanings_are_paged_too(full: World) -> None:
    full.add(*(make_post(f"near{n}", f"picture {n} of a wallpaper") for n in range(6)))
    first = full.searcher.search("picture wallpaper image", limit=4, now=NOW)
    assert first.total == 0
    second = full.searcher.search("picture wallpaper image", limit=40, cursor=first.next_cursor)
    assert not set(uris(first.hits)) & set(uris(second.hits))
    assert second.hits


def test_a_relative_time_stays_where_it_was(full: World) -> None:
    first = full.searcher.search("image since:4h", sort="latest", limit=9, now=NOW)
    assert first.total == 40
    rest = full.searcher.search("image since:4h", sort="latest", limit=99, cursor=first.next_cursor)
    assert len(rest.hits) == 31


def test_a_cursor_of_another_search_or_a_damaged_one_is_refused(full: World) -> None:
    cursor = full.searcher.search("image", limit=5, now=NOW).next_cursor
    assert cursor
    for query, sort, damaged in (
        ("images", "relevance", cursor),
        ("image", "latest", cursor),
        ("image", "relevance", cursor[:-1]),
        ("image", "relevance", "A" + cursor[1:]),
        ("image", "relevance", "é"),
        ("image", "relevance", "x" * 9_000),
    ):
        with pytest.raises(InvalidRequest, match="cursor"):
            full.searcher.search(query, sort=sort, cursor=damaged)  # pyright: ignore[reportArgumentType]


@given(st.binary(max_size=80) | st.builds(lambda n: random.Random(n).randbytes(40), st.integers()))
def test_no_cursor_fails_otherwise(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).decode()
    with pytest.raises(InvalidRequest):
        read_cursor(text, "q", "latest")


@given(st.text(max_size=30))
def test_nothing_that_is_given_as_a_cursor_fails_otherwise(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_cursor(text, "q", "latest")


def test_cursors_are_short() -> None:
    ids = [10_000_000 + 7 * n for n in range(150)]
    key = search_key("q", "relevance")
    cursor = Cursor(key, 1_700_000_000_000, 10, True, False, ids, 20, (1, 2))
    text = write_cursor(cursor)
    assert len(text) < 1_200
    assert read_cursor(text, " q ", "relevance") == cursor


def test_numbers_out_of_range_are_refused() -> None:
    key = search_key("q", "latest")
    for cursor in (
        Cursor(key, 1 << 63, 1, True, False),
        Cursor(key, 1, 1, True, False, [1 << 63], 0),
        Cursor(key, 1, 1, True, False, [-5], 2),
        Cursor(key, 1, 1, True, False, [], 0, (1 << 60, 1)),
        Cursor(key, 1, 1, True, False, [], 0, (1, -1)),
    ):
        with pytest.raises(InvalidRequest):
            read_cursor(write_cursor(cursor), "q", "latest")


@pytest.mark.parametrize(("best", "limit"), [(150, 3), (4, 3), (4, 5)])
def test_copies_are_one_hit_on_every_page(
    world: World, best: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "BY_WORDS", best)
    monkeypatch.setattr(search_module, "RANKED_TYPED", 4)
    said = {
        "late": "The ferry left our harbour an hour late because of fog over the channel",
        "new": "They have built a new harbour, and the first ferry has already called there",
        "sunk": "Divers found what remains of a ferry that went down outside this harbour",
        "price": "Tickets cost more again: nobody takes the ferry across the harbour now",
        "food": "You get the best fish soup at that stall between harbour and ferry, believe me",
        "film": "In the last scene she waits by the harbour until his ferry is out of sight",
    }
    world.add(
        *(
            make_post(f"{name}{copy}", text, by=f"{name}{copy}", hours_ago=1 + (copy * 7 + n) % 11)
            for n, (name, text) in enumerate(said.items())
            for copy in range(1 + 3 * (n % 3))
        ),
        index=False,
    )
    world.follow(vectors=False)
    found: list[str] = []
    copies = total = 0
    cursor = None
    for _ in range(20):
        result = world.searcher.search("ferry harbour", limit=limit, cursor=cursor, now=NOW)
        found += [uri.rstrip("0123456789") for uri in uris(result.hits)]
        copies += sum(hit.copies for hit in result.hits)
        total = result.total
        cursor = result.next_cursor
        if cursor is None:
            break
    assert sorted(found) == sorted(said)
    assert copies == total
    in_time = world.searcher.search("ferry harbour", limit=99, sort="latest", now=NOW)
    assert len(in_time.hits) == in_time.total
