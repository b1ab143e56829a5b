"""Trends over a real store and index: who makes one, who cannot, and what takes it away."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from myna.index.trends import Trends, TrendsResult
from myna.post import Author, Post
from tests.index.world import NOW, World, make_post

PLACES = ("station", "market", "school", "bridge", "garden", "museum", "library", "stadium")
HEARD = (
    "a ferry ran aground, everybody is safe",
    "they say the ferry has been stuck since this morning",
    "I can see that ferry out of my window and it does not move",
    "my sister was on the ferry, she walked home over the sand",
    "no ferry today, take the bus",
    "helicopters above us, is it because of the ferry?",
    "who steers a ferry into a sandbank in daylight",
    "tugs are pulling at our poor ferry",
    "prayers for the people on board that ferry",
    "the company says its ferry has no hole",
    "tide comes at six, then the ferry may float",
    "school is late because half of my class sits in a ferry",
    "the ferry again! second time in a year",
    "great picture of a tilted ferry in the paper",
    "they hand out tea on the ferry, says my uncle",
    "mayor promised a bridge instead of a ferry ten years ago",
)


def usual_posts() -> list[Post]:
    """Two days of talk, in the same words."""
    return [
        make_post(
            f"usual{hour}.{n}",
            f"how do I get from the {PLACES[n]} to the {PLACES[(n + hour) % 8]} at {hour}:{n}",
            by=f"person{n}",
            hours_ago=hour + n / 10,
        )
        for hour in range(48)
        for n in range(6)
    ]


def voices(count: int, *, one_author: bool = False, copied: bool = False) -> list[Post]:
    return [
        make_post(
            f"voice{n}",
            "a ferry ran aground north of town today, everybody is safe" if copied else HEARD[n],
            by="mallory" if one_author else f"voice{n}",
            hours_ago=0.5 - n / 100,
        )
        for n in range(count)
    ]


@pytest.fixture
def rising(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrendsResult]:
    monkeypatch.setattr("myna.index.trends.KEPT_S", -1.0)
    monkeypatch.setattr("myna.index.trends.STALE_S", -1.0)
    world.add(*usual_posts(), index=False)
    trends = Trends(world.db, world.folder)

    def look(*posts: Post, follow: bool = True, **options: object) -> TrendsResult:
        if posts:
            world.add(*posts, index=False)
        if follow:
            world.follow(vectors=False)
        return trends.rising(**{"at": NOW, **options})  # pyright: ignore[reportArgumentType]

    return look


def names(found: TrendsResult) -> list[str]:
    return [subject for trend in found.trends for subject in trend.subjects]


def test_many_voices_make_a_trend_until_they_are_deleted(
    rising: Callable[..., TrendsResult], world: World
) -> None:
    assert rising().trends == ()
    found = rising(*voices(12))
    trend = found.trends[0]
    assert "ferry" in trend.subjects
    assert (trend.authors, trend.origins, trend.posts, trend.kind) == (12, 12, 12, "word")
    assert trend.first_at == NOW - timedelta(hours=0.5)
    assert trend.expected < 1
    assert len({stored.post.author.id for stored in trend.examples}) == 3
    assert set(world.search(trend.query)) >= {f"voice{n}" for n in range(12)}
    world.delete(*(f"voice{n}" for n in range(9)), index=False)
    assert "ferry" not in names(rising())


def test_an_answer_is_kept_until_one_of_its_posts_goes(
    rising: Callable[..., TrendsResult], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.index.trends.KEPT_S", 600.0)
    monkeypatch.setattr("myna.index.trends.STALE_S", 600.0)
    found = rising(*voices(12))
    assert rising() == found
    world.delete("voice11", index=False)  # and the index does not know it yet
    assert rising(follow=False).trends[0].authors == 11


def test_an_older_answer_is_given_while_the_next_is_made(
    rising: Callable[..., TrendsResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.index.trends.STALE_S", 600.0)
    old = rising(*voices(8))
    found = rising(*voices(12))
    assert found == old
    limit = time.monotonic() + 20
    while found.trends[0].authors != 12:
        assert time.monotonic() < limit
        found = rising(follow=False)
        time.sleep(0.05)


def test_who_cannot_make_a_trend(rising: Callable[..., TrendsResult], world: World) -> None:
    rising(*voices(16, one_author=True))
    assert names(rising()) == []
    world.delete(*(f"voice{n}" for n in range(16)))
    assert names(rising(*voices(16, copied=True))) == []
    world.delete(*(f"voice{n}" for n in range(16)))
    bot = [
        make_post(post.uri, post.text, hours_ago=0.5, author=Author("test", f"b{n}", "b", "", True))
        for n, post in enumerate(voices(12))
    ]
    assert names(rising(*bot)) == []


def test_copies_are_told_but_not_counted(rising: Callable[..., TrendsResult]) -> None:
    copies = [
        make_post(f"copy{n}", f"RT @voice0: {voices(1)[0].text}", by=f"fan{n}", hours_ago=0.1)
        for n in range(5)
    ]
    trend = rising(*voices(8), *copies).trends[0]
    assert (trend.authors, trend.origins, trend.posts) == (8, 8, 13)


def test_tags_links_and_networks(rising: Callable[..., TrendsResult]) -> None:
    posts = [
        make_post(
            f"t{n}",
            f"{PLACES[n]} {n} #Flood http://example.org/flood?by={n}",
            by=f"v{n}",
            hours_ago=0.2,
        )
        for n in range(8)
    ]
    found = rising(*posts)
    assert [trend.kind for trend in found.trends] == ["tag"]
    assert {"#Flood", "example.org/flood"} <= set(found.trends[0].subjects)
    assert rising(network="other").posts == 0
    assert rising(network="test").trends == found.trends


def test_an_archive_shows_its_last_window(rising: Callable[..., TrendsResult]) -> None:
    found = rising(*voices(12), at=None)
    assert NOW - timedelta(hours=1) < found.at <= NOW
    assert "ferry" in names(found)
    assert " until:" in found.trends[0].query


def test_an_empty_store_has_no_trends(world: World) -> None:
    found = Trends(world.db, world.folder).rising()
    assert (found.posts, found.trends) == (0, ())
