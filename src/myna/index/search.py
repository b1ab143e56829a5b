"""Search: the text index and the vectors propose, the store says what is live, the rank decides.

``search`` takes what people type into a search box, ``retrieve`` what they ask. Every result is
read from PostgreSQL at this moment, so what was deleted a moment ago is not shown, whatever the
index still has. Without vectors, or while they are being made, words alone decide.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import tantivy
from msgspec.structs import replace

from myna.db.engine import Database
from myna.db.posts import get_parents, get_posts, last_seq, store_id
from myna.errors import DatabaseError, StorageError
from myna.index import compile as compiled
from myna.index import lookup
from myna.index.accounts import HiddenAccounts
from myna.index.buckets import Bucket, milliseconds, moment
from myna.index.budget import Budget, Stage
from myna.index.checkpoint import share
from myna.index.copies import count_origins, fold
from myna.index.counts import count_bars
from myna.index.cursor import Cursor, read_cursor, search_key, write_cursor
from myna.index.embed import Embedder
from myna.index.meaning import NEXT, Meaning, MeaningReader
from myna.index.order import reordered
from myna.index.paging import page, ranked_once
from myna.index.prepared import Prepared, languages_of, matcher_of, whole_wording
from myna.index.query import Query, parse
from myna.index.rank import Candidate, likeliest, rank
from myna.index.results import (
    Asked,
    Counts,
    Hit,
    IndexStatus,
    Reranker,
    SearchResult,
    hit_of,
)
from myna.index.text import Snapshot, TextReader
from myna.index.vectors import Kind
from myna.post import StoredPost, Use

BY_WORDS = 150
"""Candidates that the text index proposes."""
BY_MEANING = 100
"""Candidates that the vectors propose."""
RANKED = 64
"""Candidates whose text is read and compared word by word."""
RANKED_TYPED = 40
"""The same of what is typed into a search box, whose words all of them have."""
NEAR_COVERAGE = 0.4
NEAR_COSINE = 0.55
"""What a post without all the words of a search must reach in one of these to be shown."""
Sort = Literal["relevance", "latest", "oldest"]
__all__ = ["Counts", "Hit", "IndexStatus", "SearchResult", "Searcher", "Sort"]

_THREADS = 4
"""For stages that run beside the text index or must not be waited for."""
_MEANING_SHARE = 0.6
_RANKING_SHARE = 0.9
"""Of a search's time, after which it goes on without the stage."""
_LAST_READ_S = 2.0
"""For the posts that are shown: without them there is nothing to show."""


class Searcher:
    """Reads the index that other processes write. Thread-safe; nothing is kept open but files."""

    def __init__(
        self,
        db: Database,
        index_dir: Path,
        *,
        embedder: Embedder | None,
        reranker: Reranker | None = None,
        seconds: float = math.inf,
    ) -> None:
        """``seconds`` is what a search may take where its caller says nothing."""
        self._db = db
        self._text = TextReader(index_dir)
        self._accounts = HiddenAccounts(db)
        self._reranker = reranker
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, "search")
        with db.begin() as conn:
            self._store = str(store_id(conn))
        self._meaning = MeaningReader(index_dir, self._store, embedder)

    def warm_up(self) -> None:
        """Begin to load the encoder, so that the first search need not go without it."""
        self._threads.submit(self._meaning.warm_up)

    def search(
        self,
        query: str,
        *,
        limit: int = 20,
        sort: Sort = "relevance",
        cursor: str | None = None,
        now: datetime | None = None,
        seconds: float | None = None,
    ) -> SearchResult:
        """Posts for what was typed: all parts must hold. Where fewer than ``limit`` posts have all
        the words, those follow that have some of them or are near in meaning.

        ``cursor`` is the ``next_cursor`` of the page before. Pages never repeat or skip a post
        that was there at the first one. By relevance, the best 150 are ranked; the others come
        behind them, the newest first; copies are one hit.

        Raises:
            InvalidRequest: the cursor is damaged, or of another search.
        """
        start = time.perf_counter()
        before = read_cursor(cursor, query, sort) if cursor else None
        now = moment(before.now) if before else now or datetime.now(UTC)
        budget = Budget(self._seconds if seconds is None else seconds)
        parsed = parse(query, now=now)
        notes = [note.text for note in parsed.notes]
        snapshot = self._snapshot()
        if snapshot is None or limit < 1:
            return SearchResult([], tuple(notes), 0, _since(start))
        languages = languages_of(snapshot, parsed)
        wanted = lookup.conditions_of(snapshot, parsed, languages)
        if wanted is None:
            if query.strip():
                notes.append("There is no word in this to search for.")
            return SearchResult([], tuple(notes), 0, _since(start))
        matcher = matcher_of(snapshot, parsed.wording, languages, stop_words=True)
        asked = Prepared(parsed, snapshot, languages, matcher, budget, now)
        key = search_key(query, sort)
        if before is None and sort == "relevance" and matcher.words:
            hits, ended = self._first_page(asked, wanted, limit, key)
        else:
            ended = before or self._begin(asked, wanted, key)
            hits, ended = page(self._db, asked, wanted, limit, ended, oldest=sort == "oldest")
        if not ended.total and not ended.exact:  # it could not be counted in time
            ended = replace(ended, total=len(hits))
        if ended.total == 0 and hits:
            notes.append("No post has all of this; these come nearest.")
        more = ended.shown < len(ended.ids) or not ended.whole
        return SearchResult(
            hits,
            tuple(notes),
            ended.total,
            _since(start),
            budget.left_out,
            ended.exact,
            write_cursor(ended) if more else None,
            count_origins(snapshot, wanted.query, ended.total) if ended.exact else None,
            lookup.count_refused(snapshot, parsed, languages),
        )

    def retrieve(
        self,
        question: str,
        *,
        limit: int = 10,
        now: datetime | None = None,
        seconds: float | None = None,
    ) -> SearchResult:
        """Posts that may answer a question in plain words. Any of its content words, or a near
        meaning, will do; operators on fields and times are conditions."""
        start, now = time.perf_counter(), now or datetime.now(UTC)
        budget = Budget(self._seconds if seconds is None else seconds)
        parsed = parse(question, now=now)
        notes = tuple(note.text for note in parsed.notes)
        snapshot = self._snapshot()
        if snapshot is None or limit < 1:
            return SearchResult([], notes, 0, _since(start))
        wording = whole_wording(parsed)
        languages = languages_of(snapshot, parsed)
        matcher = matcher_of(snapshot, wording, languages, stop_words=False)
        asked = Prepared(parsed, snapshot, languages, matcher, budget, now)
        if not matcher.words:
            wanted = lookup.conditions_of(snapshot, parsed, languages)
            if wanted is None:
                return SearchResult([], notes, 0, _since(start))
            hits, ended = page(self._db, asked, wanted, limit, self._begin(asked, wanted, b""))
            return SearchResult(hits, notes, ended.total, _since(start), budget.left_out)
        strict = compiled.strict_clauses(snapshot.schema, parsed, said=False, languages=languages)
        shown = [*strict, *lookup.of_shown(snapshot)]
        looking = self._threads.submit(self._look_around, wording, parsed)
        by_words = proposals = self._propose(asked, shown)
        meaning, near = budget.wait(Stage.MEANING, looking, _MEANING_SHARE) or (None, [])
        proposals = lookup.allowed(snapshot, near, shown) | proposals
        cosines = _cosines(meaning, proposals)
        likely = likeliest(proposals, cosines, matcher, max(limit, RANKED))
        hits = self._rank(asked, likely, limit, cosines)
        said = Asked(wording, asked.idf, matcher.balance)
        folded = fold(self._db, snapshot, hits)
        hits = reordered(self._reranker, self._threads, said, folded, budget)
        scores = [by_words[hit.post.id] for hit in hits[:limit] if hit.post.id in by_words]
        least = min(scores, default=0.0) if len(hits) >= limit else 0.0
        refused = lookup.outranked_by_refused(snapshot, strict, asked.any_word(), least, BY_WORDS)
        return SearchResult(
            hits[:limit], notes, len(hits), _since(start), budget.left_out, refused=refused
        )

    def counts(
        self, query: str, *, bucket: Bucket | None = None, now: datetime | None = None
    ) -> Counts:
        """How many posts of a search were written when. Without a ``bucket`` one is taken that
        gives up to a hundred bars, and a few posts with far older dates are not drawn."""
        start, now = time.perf_counter(), now or datetime.now(UTC)
        parsed = parse(query, now=now)
        notes = tuple(note.text for note in parsed.notes)
        snapshot = self._snapshot()
        wanted = None
        if snapshot:
            wanted = lookup.conditions_of(snapshot, parsed, languages_of(snapshot, parsed))
        if snapshot is None or wanted is None:
            return Counts(bucket or Bucket.DAY, [], 0, notes, _since(start))
        chosen, bars, earlier = count_bars(snapshot, wanted, bucket)
        return Counts(chosen, bars, earlier, notes, _since(start))

    def idf(self, term: str) -> float:
        """How much a term (as ``terms.content_terms`` gives it) stands out: 0 for one in every
        post, about 7 for one in a single post of a thousand."""
        snapshot = self._snapshot()
        return lookup.idf(snapshot, (term,)) if snapshot else 0.0

    def status(self) -> IndexStatus:
        """How far text and vectors have come."""
        with self._db.begin() as conn:
            last = last_seq(conn)
        snapshot = self._snapshot()
        vectors = self._meaning.vectors()
        checkpoint, coming = self._meaning.checkpoint(), self._meaning.checkpoint(NEXT)
        return IndexStatus(
            indexed_seq=snapshot.seq if snapshot else 0,
            last_seq=last,
            documents=snapshot.searcher.num_docs if snapshot else 0,
            vectors=vectors.posts if vectors is not None else 0,
            coverage=share(checkpoint, last),
            remade=share(coming, last) if coming else None,
        )

    def _snapshot(self) -> Snapshot | None:
        snapshot = self._text.snapshot()
        if snapshot is None or snapshot.store_id != self._store:
            return None  # its numbers would mean other posts here
        return snapshot.leaving_out(*self._accounts.ids())

    def _look_around(self, text: str, query: Query) -> tuple[Meaning | None, list[int]]:
        meaning = self._meaning.look(text)
        if meaning is None:
            return None, []
        return meaning, meaning.nearest(BY_MEANING, since=query.since, until=query.until)

    def _begin(self, asked: Prepared, wanted: lookup.Conditions, key: bytes) -> Cursor:
        """Where a search in the order of time begins."""
        now = milliseconds(asked.now)
        counting = self._threads.submit(lookup.total, asked.snapshot, wanted, now)
        total, exact = asked.budget.wait(Stage.COUNTING, counting) or (0, False)
        return Cursor(key, now, total, exact, whole=False)

    def _first_page(
        self, asked: Prepared, wanted: lookup.Conditions, limit: int, key: bytes
    ) -> tuple[list[Hit], Cursor]:
        """The best; the cursor fixes the order of all that are ranked."""
        snapshot, budget, now = asked.snapshot, asked.budget, milliseconds(asked.now)
        looking = self._threads.submit(self._meaning.look, asked.query.wording)
        exact = self._by_words(asked, wanted.query, max(limit, BY_WORDS))
        whole = len(exact) < max(limit, BY_WORDS)
        counting = None
        if not whole:
            counting = self._threads.submit(lookup.total, snapshot, wanted, now)
        meaning = budget.wait(Stage.MEANING, looking, _MEANING_SHARE)
        near: dict[int, float] = {}
        if len(exact) < limit:
            near = self._near(asked, meaning)
        proposals = near | exact
        cosines = _cosines(meaning, proposals)
        likely = likeliest(proposals, cosines, asked.matcher, len(proposals))
        likely.sort(key=lambda post: post not in exact)
        read = likely[: max(limit, RANKED if len(exact) < limit else RANKED_TYPED)]
        hits = self._rank(asked, read, limit, cosines)
        hits = [hit for hit in hits if hit.post.id in exact or _is_near(hit)]
        hits.sort(key=lambda hit: hit.post.id not in exact)
        hits = fold(self._db, snapshot, hits, wanted.query)
        ids = [hit.post.id for hit in hits]
        tried = read[:limit] if Stage.RANKING in budget.left_out else read
        rest = [post for post in likely[len(tried) :] if post in exact]
        ids = ranked_once(asked, hits, ids, rest)
        total, counted = len(exact), True
        if counting:
            total, counted = budget.wait(Stage.COUNTING, counting) or (len(exact), False)
        shown = min(limit, len(hits))  # folding may leave fewer than there are
        return hits[:limit], Cursor(key, now, total, counted, whole, ids, shown)

    def _near(self, asked: Prepared, meaning: Meaning | None) -> dict[int, float]:
        """What has some of the words or is near in meaning, and meets the strict conditions."""
        strict = compiled.strict_clauses(
            asked.snapshot.schema, asked.query, said=True, languages=asked.languages
        )
        strict += lookup.of_shown(asked.snapshot)
        ids: list[int] = []
        if meaning:
            since, until = asked.query.since, asked.query.until
            scan = self._threads.submit(meaning.nearest, BY_MEANING, since=since, until=until)
            ids = asked.budget.wait(Stage.MEANING, scan, _MEANING_SHARE) or []
        proposals = self._propose(asked, strict)
        return lookup.allowed(asked.snapshot, ids, strict) | proposals

    def _propose(self, asked: Prepared, strict: compiled.Clauses) -> dict[int, float]:
        """What has any of the words and meets the conditions: id → BM25."""
        return self._by_words(asked, compiled.restricted(strict, asked.any_word()), BY_WORDS)

    def _by_words(self, asked: Prepared, query: tantivy.Query, limit: int) -> dict[int, float]:
        """The best of the text index: id → BM25."""
        try:
            return lookup.best(asked.snapshot, query, limit)
        except (ValueError, StorageError) as error:  # a damaged segment; the writer mends it
            asked.budget.leave_out(Stage.WORDS, str(error))
            return {}

    def _rank(
        self,
        asked: Prepared,
        likely: Sequence[int],
        limit: int,
        cosines: Mapping[int, Mapping[Kind, float]],
    ) -> list[Hit]:
        """The live ones among the likeliest, by falling score; where reading them takes too long,
        no more of them than are shown."""
        budget, matcher = asked.budget, asked.matcher
        parents: dict[int, StoredPost] = {}
        try:
            with self._db.begin(within_s=budget.until(_RANKING_SHARE)) as conn:
                posts = get_posts(conn, likely)
                parents = get_parents(conn, list(posts.values()))
        except DatabaseError as error:
            if math.isinf(budget.left):
                raise
            budget.leave_out(Stage.RANKING, str(error))
            with self._db.begin(within_s=_LAST_READ_S) as conn:
                posts = get_posts(conn, likely[:limit])
        candidates = [
            Candidate(
                stored,
                matcher.compare(stored.post),
                {} if Use.EMBED in stored.refused else cosines[stored.id],
                matcher.missing(stored.post, parents[stored.id].post)
                if stored.id in parents
                else 0.0,
            )
            for stored in posts.values()
        ]
        return [
            hit_of(one.post, score, one.lexical, one.cosine)
            for score, one in rank(candidates, now=asked.now, balance=matcher.balance)
        ]


def _cosines(meaning: Meaning | None, posts: Iterable[int]) -> dict[int, dict[Kind, float]]:
    return {post: meaning.cosines(post) if meaning else {} for post in posts}


def _is_near(hit: Hit) -> bool:
    return hit.coverage >= NEAR_COVERAGE or (hit.cosine or 0.0) >= NEAR_COSINE


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
