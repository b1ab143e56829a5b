"""Three real questions from the loaded network, for a page that has nothing on it yet.

A suggestion is a post that somebody wrote and somebody answered, that stands on its own, and to which
Myna would quote a good answer: the best ones of some that are tried. The choice changes each day, and
is the same for everybody on that day.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from anyio import to_thread

from myna.answer.allowed import is_withheld, quotable
from myna.answer.find import find
from myna.answer.gather import gather
from myna.answer.quote import best_quotation
from myna.db.engine import Database
from myna.db.posts import get_posts
from myna.db.questions import latest_questions
from myna.errors import MynaError
from myna.index.terms import content_terms
from myna.telemetry import get_logger

COUNT = 3
CANDIDATES = 3_000
"""Latest questions of the store that are looked at."""
TRIED = 40
"""Well-formed ones that are searched for, at most."""
ENOUGH = 8
"""Good ones of which the best are taken: the look ends there, after a few seconds on a free core."""
GOOD_FIT = 0.75
"""How well the best quotation must stand as an answer for a question to be worth asking."""
HIGHEST_IDF = 7.5
"""Of each of its words: a rarer one (in under 1 post of 1,800) is misspelt or of little interest."""
LOOK_AGAIN_S = 5.0
"""How soon to look again while there are too few: the network may still be loading."""

_OPENINGS = (
    "how do i|how do you|how can i|how can you|how to|how would i|how does|what is|what's|"
    "what does|what are|where is|where are|where can i|where do i|which|why does|why is|"
    "why do|can i|does|do i need|is it possible|is there a way|is there an?|are there"
)

if TYPE_CHECKING:
    from myna.index.search import Searcher
_WELL_FORMED = re.compile(rf"(?:{_OPENINGS}) [A-Za-z0-9 ,.'/+-]{{15,80}}\?", re.IGNORECASE)
_ADDRESS = re.compile(
    r"^(?:(?:hi|hey|hello)(?: all| guys)?[,!. ]+|[^\s:,]{1,20}[:,] +)", re.IGNORECASE
)
_UNSUITABLE = re.compile(
    r"\b(?:damn|hell|crap\w*|shit\w*|fuck\w*|wtf|stfu|ass|arse|bitch\w*|suck\w*|sex\w*|porn\w*|"
    r"dick|gay|nazi\w*|kill yourself|idiot\w*|stupid|retard\w*|god|jesus|nigg\w*|whore|slut|"
    r"someone|somebody|anyone|anybody|here|this|that|it|them|he|she|you guys|my|lol|u|ur|plz|pls|"
    r"http|www|channel|irc|bot|best|(?:how|what|where) (?:do|does|is) (?:i|you) can)\b|\d\.\d",
    re.IGNORECASE,
)
"""Rough words, and words that lean on a conversation that the reader has not seen."""

log = get_logger("web")


class Suggestions:
    """Today's suggestions; looked up once a day, apart from requests."""

    def __init__(self, db: Database, searcher: Searcher) -> None:
        self._db = db
        self._searcher = searcher
        self._questions: dict[str, int] = {}
        """Question → the post that asked it."""
        self._day: date | None = None
        self._next_look = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def today(self, patience_s: float = 1.0) -> list[str]:
        """Up to three questions; those known by now when a look takes longer than ``patience_s``."""
        day = datetime.now(UTC).date()
        stale = self._day != day or len(self._questions) < COUNT
        if stale and self._looking is None and time.monotonic() >= self._next_look:
            self._looking = asyncio.create_task(self._look(day), name="suggestions")
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=patience_s)
        return await to_thread.run_sync(self._allowed, dict(self._questions))

    def _allowed(self, questions: Mapping[str, int]) -> list[str]:
        """Those whose posts are there and may be quoted at this moment."""
        if not questions:
            return []
        with self._db.begin() as conn:
            posts = get_posts(conn, list(questions.values()))
        quotable = {id for id, post in posts.items() if not is_withheld(post)}
        return [question for question, post in questions.items() if post in quotable]

    async def _look(self, day: date) -> None:
        try:
            self._questions = await to_thread.run_sync(self._choose, day)
            self._day = day
        except MynaError as error:
            log.warning("no suggestions", reason=str(error))
        except Exception:
            log.exception("no suggestions")
        finally:
            self._next_look = time.monotonic() + LOOK_AGAIN_S
            self._looking = None

    def _choose(self, day: date) -> dict[str, int]:
        with self._db.begin() as conn:
            posts = latest_questions(conn, CANDIDATES)
        readable = {readable_question(post.post.text): post.id for post in posts}
        common = [one for one in readable if one and self._rarest(one) <= HIGHEST_IDF]
        fits: dict[str, float] = {}
        for question in of_the_day(common, day)[:TRIED]:
            if (fit := self._fit(question)) >= GOOD_FIT:
                fits[question] = fit
            if len(fits) == ENOUGH:
                break
        chosen: list[str] = []
        for question in sorted(fits, key=lambda one: -fits[one]):
            if len(chosen) == COUNT:
                break
            if not _alike(question, chosen):
                chosen.append(question)
        return {question: readable[question] for question in chosen}

    def _fit(self, question: str) -> float:
        """How well what Myna would quote answers a question; 0 where it would decline."""
        found = find(self._searcher, question)
        if not found.answerable:
            return 0.0
        sources = quotable(gather(self._db, found.hits))
        quoted = best_quotation(sources, question, self._searcher.idf)
        return quoted.fit if quoted else 0.0

    def _rarest(self, question: str) -> float:
        return max(map(self._searcher.idf, content_terms(question)), default=HIGHEST_IDF + 1)


def readable_question(text: str) -> str:
    """A post's question without whom it speaks to, tidied; empty where it does not stand alone."""
    question = " ".join(_ADDRESS.sub("", text.strip()).split())
    question = re.sub(r"\s*\?+$", "?", question)
    if not _WELL_FORMED.fullmatch(question) or _UNSUITABLE.search(question):
        return ""
    question = re.sub(r"\bi\b", "I", question)
    return question[0].upper() + question[1:]


def of_the_day(questions: Iterable[str], day: date) -> list[str]:
    """The questions in an order that only the day decides."""

    def place(question: str) -> bytes:
        return hashlib.sha256(f"{day.isoformat()} {question}".encode()).digest()

    return sorted(questions, key=place)


def _alike(question: str, chosen: Sequence[str]) -> bool:
    """Whether a question has the subject of one that is chosen already."""
    words = {word for word in question.lower().split() if len(word) > 4}
    return any(len(words & set(one.lower().split())) > 1 for one in chosen)
