"""Feeding traffic to a source at a pace, with posts in it that a searcher looks for."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.traffic import NETWORK, line_of
from myna.db.engine import open_database
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings

PROBE_S = 0.5
"""Between two posts that are looked for."""
POLL_S = 0.02
"""Between two searches for one: so much too late it may be seen."""
NEWS_S = 0.1
"""A commit is looked at for so long; what it has not brought does not come before the next."""
USUAL = ("people", "good day", "new music", "i don't know", "police")
"""As people type them: whether they slow down as the index grows."""
GIVE_UP_S = 30.0
_DELETED_AFTER = 24
"""Probes after which one is deleted: twelve seconds. Were it deleted before it is found, it would
count as never found."""
TICK_S = 0.01


def probe(tag: str, number: int) -> Event:
    """A post that is looked for, by a word that nothing else has."""
    uri = f"probe-{tag}-{number}"
    author = Author(NETWORK, "probe", "probe")
    text = f"a post with {word_of(tag, number)} in it"
    post = Post(NETWORK, uri, author, text, datetime.now(UTC))
    return Event(Kind.CREATE, NETWORK, uri, post)


def word_of(tag: str, number: int) -> str:
    """The probe's word."""
    return f"zzprobe{tag}x{number}qq"


class Feeder:
    """Writes a file of lines to the source at a pace, and the probes between them."""

    def __init__(self, lines: Path, pipe: Any, rate: float, seconds: float, probes: Any) -> None:
        self._lines, self._pipe = lines, pipe
        self._rate, self._seconds = rate, seconds
        self._probes = probes
        self._tag = f"{time.time_ns():x}"
        """Of this run: a store may have the probes of another."""
        self._made = 0
        self._deletable: list[int] = []
        self.events = 0
        self.late_s = 0.0
        """How far it was behind its pace at most: the source did not take more."""

    def run(self) -> None:
        """Feed to the end of the time, or of the file."""
        began = time.monotonic()
        next_probe = began
        with self._lines.open("rb", buffering=1 << 20) as file:
            while (now := time.monotonic()) - began < self._seconds:
                if now >= next_probe:
                    next_probe += PROBE_S
                    self._probe()
                due = max(0, int((now - began) * self._rate) - self.events) if self._rate else 500
                self.late_s = max(self.late_s, due / self._rate if self._rate else 0.0)
                batch = [line for line in (file.readline() for _ in range(min(due, 2_000))) if line]
                if due and not batch:
                    break
                self._pipe.write(b"".join(batch))
                self._pipe.flush()
                self.events += len(batch)
                if self._rate:
                    time.sleep(max(0.0, TICK_S - (time.monotonic() - now)))
        self._pipe.close()

    def _probe(self) -> None:
        number = self._made
        self._made += 1
        self._hand("found", number, probe(self._tag, number))
        if number >= _DELETED_AFTER and number % 2:  # every other one, when it surely was found
            old = number - _DELETED_AFTER
            self._hand("gone", old, Event(Kind.DELETE, NETWORK, f"probe-{self._tag}-{old}"))

    def _hand(self, what: str, number: int, event: Event) -> None:
        self._probes.put((what, word_of(self._tag, number), time.monotonic()))
        self._pipe.write(line_of(event))
        self._pipe.flush()
        self.events += 1


def commit_of(settings: Settings) -> int:
    """What changes with each commit of the text index."""
    with suppress(OSError):
        return (settings.index_dir / "text.json").stat().st_mtime_ns
    return 0


def look(settings: Settings, probes: Any, times: Any, usual_s: float = 0.0) -> None:
    """The searcher's process: look for each probe until it is found, or gone; beside it, a usual
    search every ``usual_s`` seconds, where that is not 0."""
    db = open_database(settings, migrate=False)
    searcher = Searcher(db, settings.index_dir, embedder=None)
    waiting: list[tuple[str, str, float]] = []
    open_ended = True
    seen, news_until = 0, 0.0
    usual, began = 0, time.monotonic()
    next_usual = began if usual_s else math.inf
    while open_ended or waiting:
        while open_ended and not probes.empty():
            told = probes.get()
            if told is None:
                open_ended = False
                break
            waiting.append(told)
        if (now := time.monotonic()) >= next_usual and open_ended:
            next_usual = now + usual_s
            searcher.search(USUAL[usual % len(USUAL)])
            times.put(("usual", (now - began, time.monotonic() - now)))
            usual += 1
        if (commit := commit_of(settings)) != seen:
            seen, news_until = commit, time.monotonic() + NEWS_S
        news = time.monotonic() < news_until
        for told in list(waiting):
            what, word, since = told
            if what == "found" and not news and time.monotonic() - since <= GIVE_UP_S:
                continue
            found = bool(searcher.search(word, limit=1).hits)
            took = time.monotonic() - since
            if found == (what == "found") or took > GIVE_UP_S:
                waiting.remove(told)
                times.put((what, took, word))
        time.sleep(POLL_S)
    times.put(None)
    db.dispose()
