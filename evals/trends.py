"""Are events told, how soon, and can spam make one? Planted bursts in real traffic.

    .venv/bin/python -m evals.trends [--data FILE] [--posts N] [--events N] [--json OUT]

Traffic: real posts (``ubuntu_irc``) in random order, so that nothing rises by itself, over 30 hours.
Into the last three hours are planted, ``--events`` of each kind:

- *event*: 8 to 40 authors speak of something within 20 minutes, each in the words of another real
  post; it has a name that was never heard before, or that some rare real word has
- *loud*: one author posts 40 different texts about it
- *copied*: 40 authors repeat one text, lightly changed
- *both*: the loud author, and 40 who repeat one of his posts

Every five minutes the last hour is asked about. *Told*: share of the bursts of a kind that are among
the trends at some moment. *Delay*: minutes from the first post of an event to the first telling.
*Precision*: share of told topics, at all moments, that are events. Beside it in the same run: plain
counting, which is the same statistic over posts instead of independent authors.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evals.bench import SHARED, Bench, percentile, print_table, read_rows, temporary_bench
from myna.db.posts import apply_events
from myna.index import terms
from myna.index.follow import Follower
from myna.index.rising import LEAST_AUTHORS, Window, rise
from myna.index.subjects import subjects_of
from myna.index.trends import MOST, Trends
from myna.index.words import words_of
from myna.post import Author, Event, Kind, Post
from myna.telemetry import configure_logging

HOURS = 30
LOOKED_AT_HOURS = 3
EVERY = timedelta(minutes=5)
BURST = timedelta(minutes=20)
KINDS = ("event", "loud", "copied", "both")
_BATCH = 1_000


@dataclass
class Burst:
    """Posts about one thing."""

    kind: str
    name: str
    subject: str
    begins: datetime
    told: list[datetime] = field(default_factory=list)
    counted: list[datetime] = field(default_factory=list)


def traffic(
    texts: Sequence[tuple[str, str]], start: datetime, dice: random.Random
) -> Iterator[Post]:
    """Real posts at random times, more by day than by night."""
    for number, (author, text) in enumerate(texts):
        while True:
            hours = dice.uniform(0, HOURS)
            if dice.random() < (1.0 if (hours % 24) < 16 else 0.4):
                break
        yield _post(f"t{number}", author, text, start + timedelta(hours=hours))


def burst_posts(burst: Burst, number: int, words: Sequence[str], dice: random.Random) -> list[Post]:
    """What is said of it."""
    people = dice.randint(8, 40) if burst.kind == "event" else 40

    def when() -> datetime:
        return burst.begins + BURST * dice.random()

    def own(which: int) -> str:
        said = words[which].split()
        said.insert(dice.randrange(len(said) + 1), burst.name)
        return " ".join(said)

    copied = f"{own(0)} and everybody should know"
    changes = ("{}", "RT @a: {}", "{} #now", "{} 😱", "wow {}", "{} http://x.example/1")
    posts: list[Post] = []
    for which in range(people):
        author, text = f"b{number}.{which}", own(which)
        if burst.kind in ("loud", "both"):
            posts.append(_post(f"l{number}.{which}", f"loud{number}", text, when()))
        if burst.kind in ("copied", "both"):
            text = changes[which % len(changes)].format(copied)
        if burst.kind != "loud":
            posts.append(_post(f"b{number}.{which}", author, text, when()))
    return posts


def plant(
    texts: Sequence[tuple[str, str]],
    others: Sequence[str],
    start: datetime,
    each: int,
    dice: random.Random,
) -> tuple[list[Burst], list[Post]]:
    """Bursts of every kind, and their posts, which are made of ``others``: no copies."""
    counts = Counter(
        term for _, text in texts for term in set(terms.index_text(text, "en").split())
    )
    rare = [term for term, count in counts.items() if 3 <= count <= 20 and term.isalpha()]
    dice.shuffle(rare)
    long = [text for text in others if 6 <= len(text.split()) <= 25]
    bursts: list[Burst] = []
    posts: list[Post] = []
    first = start + timedelta(hours=HOURS - LOOKED_AT_HOURS)
    span = timedelta(hours=LOOKED_AT_HOURS) - BURST
    for kind in KINDS:
        for _ in range(each):
            number = len(bursts)
            made_up = "".join(dice.choice("bdfgklmnprstvz") + dice.choice("aeiou") for _ in "1234")
            name = made_up if number % 2 else next(word for word in rare if len(word) > 4)
            rare = [word for word in rare if word != name]
            term = terms.index_text(name, "en")
            burst = Burst(kind, name, term, first + span * dice.random())
            bursts.append(burst)
            posts += burst_posts(burst, number, long[number * 40 :][:40], dice)
    return bursts, posts


class Plain:
    """Posts by subject in hours before a moment, kept in memory: the same statistic, plainly."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts = [
            (
                post.created_at,
                set(subjects_of(words_of(post), post, ())),
            )
            for post in posts
        ]

    def rising(self, at: datetime) -> set[str]:
        """What more posts speak of."""
        hours: list[Counter[str]] = [Counter() for _ in range(25)]
        sizes = [0] * 25
        for when, subjects in self._posts:
            place = int((at - when) / timedelta(hours=1)) if when <= at else 25
            if place < 25:
                hours[place].update(subjects)
                sizes[place] += 1
        found: set[str] = set()
        for subject, count in hours[0].items():
            if count >= LEAST_AUTHORS:
                past = [
                    Window(hour[subject], size)
                    for hour, size in zip(hours[1:], sizes[1:], strict=True)
                ]
                if rise(Window(count, sizes[0]), past, past[23:], 0.0).is_trend:
                    found.add(subject)
        return found


def _post(uri: str, author: str, text: str, when: datetime) -> Post:
    return Post("bench", uri, Author("bench", author, author), text, when, lang="en")


def load(bench: Bench, posts: Sequence[Post]) -> float:
    """Into the store and the text index; microseconds of processor time a post of the latter."""
    now = datetime.now(UTC)
    for start in range(0, len(posts), _BATCH):
        events = [
            Event(Kind.CREATE, post.network, post.uri, post)
            for post in posts[start : start + _BATCH]
        ]
        with bench.db.begin() as conn:
            apply_events(conn, events, now=now)
    follower = Follower(bench.db, bench.settings.index_dir)
    start_s = time.process_time()
    follower.catch_up()
    spent = time.process_time() - start_s
    follower.close()
    return spent / len(posts) * 1e6


def figures(
    bursts: Sequence[Burst], tellings: Sequence[Sequence[str]], of: str, right: set[str]
) -> dict[str, Any]:
    """The row of one way of counting; ``of`` names the times at which it told a burst."""
    row: dict[str, Any] = {"counting": of}
    for kind in KINDS:
        ours = [burst for burst in bursts if burst.kind == kind]
        row[f"{kind}_told"] = sum(bool(getattr(one, of)) for one in ours) / max(1, len(ours))
    delays = [
        (getattr(one, of)[0] - one.begins).total_seconds() / 60
        for one in bursts
        if one.kind == "event" and getattr(one, of)
    ]
    said = [subject for telling in tellings for subject in telling]
    row["delay_p50_min"] = percentile(delays, 0.5)
    row["delay_p90_min"] = percentile(delays, 0.9)
    row["precision"] = sum(subject in right for subject in said) / max(1, len(said))
    return row


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED / "ubuntu_irc.jsonl.gz")
    parser.add_argument("--posts", type=int, default=60_000)
    parser.add_argument("--events", type=int, default=12, help="bursts of each kind")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")

    dice = random.Random(7)
    rows = read_rows(args.data)
    dice.shuffle(rows)
    texts = [(row["author"], row["text"]) for row in rows[: args.posts]]
    others = [row["text"] for row in rows[args.posts :]]
    start = datetime.now(UTC) - timedelta(hours=HOURS)
    bursts, planted = plant(texts, others, start, args.events, dice)
    posts = sorted([*traffic(texts, start, dice), *planted], key=lambda post: post.created_at)
    print(f"{len(posts):,} posts, {len(planted):,} of them in {len(bursts)} bursts")
    moments = [
        start + timedelta(hours=HOURS - LOOKED_AT_HOURS) + EVERY * step
        for step in range(int(timedelta(hours=LOOKED_AT_HOURS) / EVERY) + 1)
    ]
    by_subject = {burst.subject: burst for burst in bursts}
    right = {burst.subject for burst in bursts if burst.kind == "event"}
    ours: list[list[str]] = []
    plainly: list[list[str]] = []
    times: list[float] = []
    with temporary_bench() as bench:
        cost = load(bench, posts)
        trends = Trends(bench.db, bench.settings.index_dir)
        for at in moments:
            found = trends.rising("1h", at=at, limit=MOST)
            times.append(found.took_ms)
            telling: list[str] = []
            for trend in found.trends:
                names = {terms.index_text(one, "en") for one in trend.subjects}
                known = [name for name in names if name in by_subject]
                for name in known:
                    by_subject[name].told.append(at)
                telling.append(known[0] if known else trend.subjects[0])
            ours.append(telling)
    plain = Plain(posts)
    for at in moments:
        rising = plain.rising(at)
        for name in rising & set(by_subject):
            by_subject[name].counted.append(at)
        plainly.append(sorted(rising))
    results = [
        figures(bursts, ours, "told", right) | {"counting": "independent authors"},
        figures(bursts, plainly, "counted", right) | {"counting": "posts"},
    ]
    print_table(results)
    summary = {
        "posts": len(posts),
        "query_first_ms": times[0],
        "query_p50_ms": percentile(times[1:], 0.5),
        "query_max_ms": max(times[1:]),
        "index_us_a_post": cost,
    }
    print(", ".join(f"{name} {value:,.1f}" for name, value in summary.items()))
    if args.json:
        args.json.write_text(json.dumps(summary | {"engines": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
