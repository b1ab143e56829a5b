"""How soon a wish acts: on searches, on answers that are shown, stored, and open.

    python -m evals.consent [--answers 200] [--posts 20000] [--json OUT]

Stored answers each cite a post. One post after the other is deleted, or its author says no to being
found; measured is how long until a search, a reader of the chat, the stored row and an open page know.
Then the price: the same searches while those few and while a fifth of the authors do not want to be found.
The follower of the text index and the living answers run as they do in `myna up`, on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from myna.chats.generations import Generations
from myna.chats.service import ChatService
from myna.chats.shown import show as show_messages
from myna.db.chats import Progress, add_message, create_chat, find_message
from myna.db.consents import is_marking
from myna.db.content import text_digest
from myna.db.engine import Database, open_database
from myna.db.grounds import POST, Ground, save_grounds
from myna.db.posts import apply_events, find_post
from myna.index.follow import Follower, follow
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post, StoredPost, Use
from myna.safety.consent.ledger import choose
from myna.settings import Settings

VIEWER = "a viewer"
SAID = "It is said."
WORDS = [
    "mount",
    "image",
    "kernel",
    "driver",
    "printer",
    "sound",
    "network",
    "update",
    "package",
    "screen",
]
WAIT_S = 10.0
POLL_S = 0.005


def posts_of(count: int) -> list[Post]:
    """Posts in a few words each, one author for every five."""
    chosen = random.Random(1)
    now = datetime.now(UTC)
    return [
        Post(
            "eval",
            f"p{n}",
            Author("eval", f"a{n // 5}", f"a{n // 5}"),
            f"{' '.join(chosen.choices(WORDS, k=6))} mark{n}",
            now - timedelta(seconds=n),
        )
        for n in range(count)
    ]


def store_posts(db: Database, posts: list[Post]) -> None:
    """In transactions as ingest makes them."""
    for start in range(0, len(posts), 1000):
        events = [
            Event(Kind.CREATE, post.network, post.uri, post) for post in posts[start : start + 1000]
        ]
        with db.begin() as conn:
            apply_events(conn, events, now=datetime.now(UTC))


def store_answer(db: Database, post: StoredPost) -> UUID:
    """A finished answer that cites a post."""
    now = datetime.now(UTC)
    span = {"kind": "citation", "start": 0, "end": len(SAID), "numbers": [1]}
    with db.begin() as conn:
        chat = create_chat(conn, VIEWER, "", now)
        made = Progress("done", text=SAID, spans=(span,), finished_at=now)
        message = add_message(conn, chat.id, None, "assistant", made, now=now)
        assert message
        digest = text_digest(post.post.text)
        save_grounds(conn, message.id, [Ground(1, POST, post.id, digest, post.refused)])
    return message.id


def stored_text(db: Database, message: UUID) -> str:
    """The row as it is."""
    with db.begin() as conn:
        found = conn.execute(text("select text from messages where id = :id"), {"id": message})
        return found.scalar_one()


def shown_text(db: Database, message: UUID) -> str:
    """What a reader of the chat gets."""
    with db.begin() as conn:
        found = find_message(conn, VIEWER, message)
        assert found
        return show_messages(conn, [found], {})[0].message.progress.text


async def until(is_so: Callable[[], bool], start: float) -> float:
    """Seconds from ``start`` until something is so."""
    while not await asyncio.to_thread(is_so):
        if time.perf_counter() - start > WAIT_S:
            return float("inf")
        await asyncio.sleep(POLL_S)
    return time.perf_counter() - start


class Trial:
    """The parts that take notice of a wish."""

    def __init__(self, db: Database, searcher: Searcher, chats: ChatService) -> None:
        self.db, self.searcher, self.chats = db, searcher, chats
        self.told: dict[UUID, float] = {}

    async def listen(self) -> None:
        """An open page of the viewer."""
        async for changed in self.chats.changes.follow(VIEWER, 60):
            if changed and changed.message_id:
                self.told[changed.message_id] = time.perf_counter()

    async def run(
        self, post: StoredPost, message: UUID, act: Callable[[], None]
    ) -> dict[str, float]:
        """Seconds until each part knows."""
        await asyncio.to_thread(act)
        start = time.perf_counter()
        mark = post.post.text.split()[-1]

        search, reader, row, page = await asyncio.gather(
            until(lambda: not self.searcher.search(mark).hits, start),
            until(lambda: shown_text(self.db, message) != SAID, start),
            until(lambda: stored_text(self.db, message) != SAID, start),
            until(lambda: message in self.told, start),
        )
        return {"search": search, "reader": reader, "stored": row, "page": page}


def searched(searcher: Searcher, times: int = 300) -> list[float]:
    """Milliseconds of searches and questions."""
    chosen = random.Random(2)
    took: list[float] = []
    for n in range(times):
        words = " ".join(chosen.sample(WORDS, 2))
        start = time.perf_counter()
        if n % 2:
            searcher.search(words)
        else:
            searcher.retrieve(words)
        took.append((time.perf_counter() - start) * 1000)
    return took


def spread(values: list[float]) -> dict[str, float]:
    """Half of them, 99 of a hundred, and the worst."""
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 4),
        "p99": round(ordered[int(len(ordered) * 0.99)], 4),
        "max": round(ordered[-1], 4),
    }


def delete(db: Database, post: StoredPost) -> None:
    """The author deletes the post."""
    with db.begin() as conn:
        event = Event(Kind.DELETE, "eval", post.post.uri)
        apply_events(conn, [event], now=datetime.now(UTC))


def refuse(db: Database, post: StoredPost) -> None:
    """The author does not want to be found."""
    key = ("eval", post.post.author.id)
    with db.begin() as conn:
        choose(conn, key, Use.RETRIEVE, "no", by="member", now=datetime.now(UTC))


def read_post(db: Database, uri: str) -> StoredPost:
    """A post that is there."""
    with db.begin() as conn:
        post = find_post(conn, "eval", uri)
    assert post
    return post


def wait_for_index(db: Database, searcher: Searcher) -> None:
    """Until the text index has all that is stored, and each post bears its author's consent."""
    while True:
        with db.begin() as conn:
            marking = is_marking(conn)
        if not marking and searcher.status().lag == 0:
            return
        time.sleep(0.2)


async def measure(settings: Settings, answers: int, posts: int) -> dict[str, Any]:
    """All figures."""
    db = open_database(settings)
    store_posts(db, posts_of(posts))
    stop = threading.Event()
    role = threading.Thread(
        target=follow, args=(lambda: Follower(db, settings.index_dir), stop, "text")
    )
    role.start()
    searcher = Searcher(db, settings.index_dir, embedder=None)
    await asyncio.to_thread(wait_for_index, db, searcher)
    figures: dict[str, Any] = {"posts": posts, "answers": 2 * answers}
    chats = ChatService(db, None, Generations())  # type: ignore[arg-type]
    chats.living.start()
    trial = Trial(db, searcher, chats)
    listening = asyncio.create_task(trial.listen())
    await asyncio.sleep(1)
    for name, act, first in (("delete", delete, 0), ("refuse", refuse, posts // 2)):
        seen: dict[str, list[float]] = {}
        for n in range(answers):
            post = read_post(db, f"p{first + n * 5}")
            message = store_answer(db, post)
            took = await trial.run(post, message, partial(act, db, post))
            for part, seconds in took.items():
                seen.setdefault(part, []).append(seconds)
        figures[name] = {part: spread(values) for part, values in seen.items()}
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    await asyncio.to_thread(wait_for_index, db, searcher)
    searched(searcher)  # so that neither is the first
    figures["search_ms"] = {f"{answers} authors": spread(searched(searcher))}
    for n in range(5, posts, 25):  # every fifth author
        with suppress(AssertionError):  # one whose post was deleted, or who refuses already
            refuse(db, read_post(db, f"p{n + 1}"))
    await asyncio.to_thread(wait_for_index, db, searcher)
    figures["search_ms"]["a fifth of the authors"] = spread(searched(searcher))
    figures["left_out"] = searcher.search("mount").refused
    await chats.close()
    stop.set()
    role.join()
    db.dispose()
    return figures


def show(figures: dict[str, Any]) -> None:
    """As tables."""
    console = Console()
    table = Table(title=f"seconds until it is known, {figures['answers']} answers")
    for column in ("what", "where", "p50", "p99", "max"):
        table.add_column(column)
    for name in ("delete", "refuse"):
        for part, row in figures[name].items():
            table.add_row(name, part, *(f"{row[key]:.3f}" for key in ("p50", "p99", "max")))
    console.print(table)
    table = Table(title=f"milliseconds of a search, {figures['posts']} posts")
    for column in ("who refuses to be found", "p50", "p99", "max"):
        table.add_column(column)
    for name, row in figures["search_ms"].items():
        table.add_row(name, *(f"{row[key]:.1f}" for key in ("p50", "p99", "max")))
    console.print(table)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200, help="of each kind")
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="myna-consent-") as home:
        settings = Settings(home=Path(home), demo=False)
        figures = asyncio.run(measure(settings, asked.answers, asked.posts))
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
