"""Suggestions are real, readable, answerable questions, the same for everybody on a day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post, Use
from myna.safety.consent.ledger import choose
from myna.settings import Settings
from myna.web.suggestions import Suggestions, of_the_day, readable_question

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("ada: how do i mount an iso file ?", "How do I mount an iso file?"),
        ("hi all, where can I find the apt logs??", "Where can I find the apt logs?"),
        (
            "What is the command for a list of packages?",
            "What is the command for a list of packages?",
        ),
        ("does it work now, anyone?", ""),
        ("how do i fix this shit in my kernel?", ""),
        ("is there a way to play http://x.example/a.avi?", ""),
        ("how to?", ""),
        ("I have a problem with grub. what is wrong?", ""),
        ("did you try the other kernel?", ""),
        ("how does he do that with vim?", ""),
    ],
)
def test_only_questions_that_stand_alone_are_shown(text: str, question: str) -> None:
    assert readable_question(text) == question


def test_the_order_changes_with_the_day_and_not_with_the_asker() -> None:
    questions = [f"How do I do {number}?" for number in range(20)]
    today, tomorrow = date(2026, 11, 23), date(2026, 11, 24)
    assert of_the_day(questions, today) == of_the_day(reversed(questions), today)
    assert of_the_day(questions, today) != of_the_day(questions, tomorrow)
    assert sorted(of_the_day(questions, today)) == sorted(questions)


def thread(number: int, asked: str, told: str) -> list[Event]:
    uris = f"{number}", f"{number}/reply"
    posts = [
        Post("irc", uris[0], Author("irc", "ada", "ada"), asked, NOW),
        Post("irc", uris[1], Author("irc", "bob", "bob"), told, NOW, uris[0]),
    ]
    return [Event(Kind.CREATE, "irc", post.uri, post) for post in posts]


@pytest.mark.anyio
async def test_questions_that_search_can_answer_are_chosen(
    settings: Settings, db: Database
) -> None:
    searcher = Searcher(db, settings.index_dir, embedder=None)
    suggestions = Suggestions(db, searcher)
    assert await suggestions.today(5) == []
    good = [
        ("how do i mount an ISO image file?", "you mount an ISO image file with -o loop"),
        ("where is the apache error logfile?", "the apache error logfile lies below /var/log"),
        ("what is the difference between upgrade and dist-upgrade?", "upgrade and dist-upgrade: "
         "the difference is what they remove"),
        ("how can i list installed packages?", "dpkg -l: list installed packages with it"),
    ]  # fmt: skip
    events = [event for n, pair in enumerate(good) for event in thread(n, *pair)]
    events += thread(9, "how do i exorcise a haunted teapot?", "no idea, sorry")
    with db.begin() as conn:
        apply_events(conn, events, now=NOW)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    suggestions = Suggestions(db, searcher)
    chosen = await suggestions.today(5)
    assert len(chosen) == 3
    assert "How do I exorcise a haunted teapot?" not in chosen
    assert {one.lower() for one in chosen} <= {asked.lower() for asked, _ in good}
    assert await suggestions.today(5) == chosen
    assert await Suggestions(db, searcher).today(5) == chosen
    with db.begin() as conn:
        choose(conn, ("irc", "ada"), Use.QUOTE, "no", by="member", now=NOW)
    assert await suggestions.today(5) == []
