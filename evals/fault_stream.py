"""A stream of events that both the writer and the judge of ``evals.faults`` can work out: the n-th
event is a function of n, and so is what the store must hold after it.

    python -m evals.fault_stream ACKNOWLEDGED --rate 200    # with MYNA_HOME set: write it for ever

Of twenty events one deletes, one edits and one does either in turn. A started writer first gives
some events again that it gave before, as a network does that is asked from an old cursor.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from myna.db.engine import open_database
from myna.feeds.ingest import Summary, run_source
from myna.feeds.source import Record
from myna.post import Author, Event, Kind, Post
from myna.settings import load_settings

NETWORK = "faults"
NAME = "faults"
"""Of the source, under which the store keeps its cursor."""
_BLOCK = 20
_EDITS, _DELETES, _EITHER = 13, 17, 19
_EDITED, _DELETED = 6, 5
_REPLAYED = 60
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = [
    "river",
    "bridge",
    "winter",
    "market",
    "signal",
    "garden",
    "copper",
    "engine",
    "letter",
    "window",
    "harbor",
    "summer",
    "island",
    "silver",
    "forest",
    "ticket",
    "planet",
    "orange",
    "bottle",
    "camera",
    "doctor",
    "school",
    "butter",
    "rocket",
    "yellow",
    "museum",
]


def uri(number: int) -> str:
    """Of the post that the event ``number`` creates."""
    return f"f{number}"


def target(number: int) -> int:
    """The event whose post this event is about: itself for a create."""
    block, place = divmod(number, _BLOCK)
    wanted = {_EDITS: _EDITED, _EITHER: _EDITED, _DELETES: _DELETED}
    return block * _BLOCK + wanted.get(place, place)


def kind(number: int) -> Kind:
    """What the event does."""
    block, place = divmod(number, _BLOCK)
    if place == _EDITS or (place == _EITHER and block % 2):
        return Kind.EDIT
    return Kind.DELETE if place in (_DELETES, _EITHER) else Kind.CREATE


def word(number: int) -> str:
    """What only the post of this event says, in each of its versions."""
    return f"w{number}x"


def words_of(number: int, version: int) -> str:
    """The text of a post, first (0) or after edits (1, 2)."""
    some = " ".join(_WORDS[(number * step + version) % len(_WORDS)] for step in (1, 5, 7, 11))
    return f"{word(number)} in version{version} the {some}"


def version(number: int, upto: int) -> int | None:
    """The version of the event's post once the first ``upto`` events are applied; None: deleted.

    ``number`` is a create among them.
    """
    block, place = divmod(number, _BLOCK)
    start = block * _BLOCK
    if place == _DELETED:
        return None if upto > start + _DELETES else 0
    if place != _EDITED or upto <= start + _EDITS:
        return 0
    if upto <= start + _EITHER:
        return 1
    return 2 if block % 2 else None


def expected(start: int, upto: int) -> dict[str, str | None]:
    """URI → text, or None for a deleted post, of the creates among the events [start, upto)."""
    found: dict[str, str | None] = {}
    for number in range(start, upto):
        if kind(number) is Kind.CREATE:
            at = version(number, upto)
            found[uri(number)] = None if at is None else words_of(number, at)
    return found


def event(number: int) -> Event:
    """The event itself."""
    about, does = target(number), kind(number)
    if does is Kind.DELETE:
        return Event(does, NETWORK, uri(about))
    at = version(about, number + 1) or 0
    author = f"author{about % 37}"
    post = Post(
        NETWORK,
        uri(about),
        Author(NETWORK, author, author),
        words_of(about, at),
        _BEGAN + timedelta(seconds=about),
        reply_to=uri(about - 3) if about % 4 == 0 and about > 3 else None,
        revision=f"{at}",
    )
    return Event(does, NETWORK, uri(about), post)


class Stream:
    """The events at a pace, for ever."""

    name = NAME

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.began = 0

    def read(self, cursor: str) -> Iterator[Record | None]:
        """From a little before the cursor on."""
        known = int(cursor or 0)
        self.began = max(0, known - _REPLAYED)
        start = time.monotonic()
        number = self.began
        while True:
            due = known + (time.monotonic() - start) * self._rate
            if number >= due:
                time.sleep(0.005)
                yield None
                continue
            number += 1
            yield Record(str(max(number, known)), event(number - 1))


def write(acknowledged: Path, rate: float) -> None:
    """Run the source, and note after each commit how many events are acknowledged."""
    settings = load_settings()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stream = Stream(rate)
    with acknowledged.open("ab") as file:

        def note(summary: Summary) -> None:
            file.write(f"{stream.began + summary.accepted}\n".encode())
            file.flush()
            os.fsync(file.fileno())

        database = open_database(settings)
        try:
            run_source(database, stream, stop=stop, on_batch=note)
        finally:
            database.dispose()


def read_acknowledged(path: Path) -> int:
    """How many events were acknowledged; a line that a kill cut off does not count."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return 0
    return max((int(line) for line in lines[-50:] if line.isdigit()), default=0)


def main() -> None:
    """Write until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("acknowledged", type=Path, help="file that acknowledgements are added to")
    parser.add_argument("--rate", type=float, default=200, help="events a second")
    arguments = parser.parse_args()
    write(arguments.acknowledged, arguments.rate)


if __name__ == "__main__":
    main()
