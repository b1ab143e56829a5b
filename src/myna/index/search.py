"""Search: the text index and the vectors propose, the store says what is live, the rank decides.

``search`` takes what people type into a search box, ``retrieve`` what they ask. Every result is
read from PostgreSQL at this moment, so what was deleted a moment ago is not shown, whatever the
index still has. Without vectors, or while they are being made, words alone decide.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import tantivy

from myna.db.engine import Database
from myna.db.posts import get_parents, get_posts, last_seq, store_id
from myna.errors import DatabaseError
from myna.index import compile as compiled
from myna.index.budget import Budget, Stage
from myna.index.checkpoint import Checkpoint, covered
from myna.index.embed import Embedder
from myna.index.language import language
from myna.index.meaning import NEXT, Meaning, MeaningReader
from myna.index.query import SAID, Part, Query, parse
from myna.index.rank import Candidate, Lexical, Matcher, QueryWord, likeliest, rank
from myna.index.results import Asked, Hit, IndexStatus, Reranker, SearchResult, without_copies
from myna.index.terms import is_stop_word, query_languages, query_tokens, variants
from myna.index.text import Snapshot, TextReader
from myna.post import StoredPost

BY_WORDS = 150
"""Candidates that the text index proposes."""
BY_MEANING = 100
"""Candidates that the vectors propose."""
RANKED = 64
"""Candidates whose text is read and compared word by word."""
NEAR_COVERAGE = 0.4
NEAR_COSINE = 0.55
"""What a post without all the words of a search must reach in one of these to be shown."""
RERANKED = 50
"""The best, which a re-ranker may put in another order."""
Sort = Literal["relevance", "latest"]
__all__ = ["Hit", "IndexStatus", "SearchResult", "Searcher", "Sort"]

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
        now: datetime | None = None,
        seconds: float | None = None,
    ) -> SearchResult:
        """Posts for what was typed: all parts must hold. Where fewer than ``limit`` posts have all
        the words, those follow that have some of them or are near in meaning."""
        start, now = time.perf_counter(), now or datetime.now(UTC)
        budget = Budget(self._seconds if seconds is None else seconds)
        parsed = parse(query, now=now)
        notes = [note.text for note in parsed.notes]
        snapshot = self._snapshot()
        if snapshot is None or limit < 1:
            return SearchResult([], tuple(notes), 0, _since(start))
        languages = _languages(snapshot, parsed)
        clauses = compiled.all_clauses(snapshot.schema, parsed, languages)
        if not clauses:
            if query.strip():
                notes.append("There is no word in this to search for.")
            return SearchResult([], tuple(notes), 0, _since(start))
        everything = compiled.conjunction(clauses)
        matcher = self._matcher(snapshot, parsed.wording, languages, stop_words=True)
        if sort == "latest" or not matcher.words:
            ids, total = _newest(snapshot, everything, limit)
            hits = self._in_order(list(ids), matcher)
            return SearchResult(hits, tuple(notes), total, _since(start))
        looking = self._threads.submit(self._meaning.look, parsed.wording)
        proposals, total = _best(snapshot, everything, max(limit, BY_WORDS))
        exact = set(proposals)
        meaning = budget.wait(Stage.MEANING, looking, _MEANING_SHARE)
        if total < limit:
            near: list[int] = []
            if meaning:
                scan = self._threads.submit(meaning.nearest, BY_MEANING)
                near = budget.wait(Stage.MEANING, scan, _MEANING_SHARE) or []
            strict = compiled.strict_clauses(
                snapshot.schema, parsed, said=True, languages=languages
            )
            proposals = self._propose(snapshot, matcher, strict) | proposals
            proposals = _allowed(snapshot, near, strict) | proposals
        ranked = self._rank(proposals, limit, matcher, meaning, now=now, budget=budget)
        ranked = [hit for hit in ranked if hit.post.id in exact or _is_near(hit)]
        ranked.sort(key=lambda hit: hit.post.id not in exact)
        if total == 0 and ranked:
            notes.append("No post has all of this; these come nearest.")
        return SearchResult(ranked[:limit], tuple(notes), total, _since(start), budget.left_out)

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
        wording = _whole_wording(parsed)
        languages = _languages(snapshot, parsed)
        strict = compiled.strict_clauses(snapshot.schema, parsed, said=False, languages=languages)
        matcher = self._matcher(snapshot, wording, languages, stop_words=False)
        if not matcher.words:
            ids, total = _newest(snapshot, compiled.conjunction(strict), limit)
            hits = self._in_order(list(ids) if strict else [], matcher)
            return SearchResult(hits, notes, total if strict else 0, _since(start))
        looking = self._threads.submit(self._look_around, wording)
        proposals = self._propose(snapshot, matcher, strict)
        meaning, near = budget.wait(Stage.MEANING, looking, _MEANING_SHARE) or (None, [])
        proposals = _allowed(snapshot, near, strict) | proposals
        hits = self._rank(proposals, limit, matcher, meaning, now=now, budget=budget)

        def idf(word: str) -> float:
            return _idf(snapshot, variants(word, languages))

        asked = Asked(wording, idf, matcher.balance)
        hits = self._reordered(asked, without_copies(hits), budget)
        return SearchResult(hits[:limit], notes, len(hits), _since(start), budget.left_out)

    def idf(self, term: str) -> float:
        """How much a term (as ``terms.content_terms`` gives it) stands out: 0 for one in every
        post, about 7 for one in a single post of a thousand."""
        snapshot = self._snapshot()
        return _idf(snapshot, (term,)) if snapshot else 0.0

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
            coverage=_share(checkpoint, last),
            remade=_share(coming, last) if coming else None,
        )

    def _snapshot(self) -> Snapshot | None:
        snapshot = self._text.snapshot()
        if snapshot is None or snapshot.store_id != self._store:
            return None  # its numbers would mean other posts here
        return snapshot

    def _look_around(self, text: str) -> tuple[Meaning | None, list[int]]:
        meaning = self._meaning.look(text)
        return meaning, meaning.nearest(BY_MEANING) if meaning else []

    def _matcher(
        self, snapshot: Snapshot, wording: str, languages: Sequence[str], *, stop_words: bool
    ) -> Matcher:
        """``stop_words`` says whether common words count like any other."""
        lang = language(wording) or languages[0]
        tokens = query_tokens(wording)
        says = [stop_words or not is_stop_word(token.word, lang) for token in tokens]
        if not any(says):
            says = [True] * len(tokens)
        words: list[QueryWord] = []
        for token, content in zip(tokens, says, strict=True):
            terms = variants(token.word, languages)
            idf = _idf(snapshot, terms) if content else 0.0
            known = not content or _count(snapshot, terms) > 0
            words.append(QueryWord(token.word, terms, idf, known))
        posts = snapshot.searcher.num_docs
        return Matcher(words, posts=posts, average_words=snapshot.average_words)

    def _propose(
        self, snapshot: Snapshot, matcher: Matcher, strict: compiled.Clauses
    ) -> dict[int, float]:
        """What has any of the words and meets the conditions: id → BM25."""
        content = {word.terms: word for word in matcher.words if word.idf > 0}
        query = compiled.any_word(
            snapshot.schema,
            [word.terms for word in content.values() if word.known],
            [word.word for word in content.values() if not word.known],
        )
        return _best(snapshot, compiled.restricted(strict, query), BY_WORDS)[0]

    def _rank(
        self,
        proposals: dict[int, float],
        limit: int,
        matcher: Matcher,
        meaning: Meaning | None,
        *,
        now: datetime,
        budget: Budget,
    ) -> list[Hit]:
        """The live ones among the likeliest, by falling score; where reading them takes too long,
        no more of them than are shown."""
        cosines = {post: meaning.cosines(post) if meaning else {} for post in proposals}
        likely = likeliest(proposals, cosines, matcher, max(limit, RANKED))
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
                cosines[stored.id],
                matcher.missing(stored.post, parents[stored.id].post)
                if stored.id in parents
                else 0.0,
            )
            for stored in posts.values()
        ]
        return [
            _hit(one.post, score, one.lexical, one.cosine)
            for score, one in rank(candidates, now=now, balance=matcher.balance)
        ]

    def _reordered(self, asked: Asked, hits: list[Hit], budget: Budget) -> list[Hit]:
        """The place of the re-ranker: the best hits in its order, the others behind them."""
        if self._reranker is None or not hits:
            return hits
        job = self._threads.submit(self._reranker.rerank, asked, hits[:RERANKED], budget.left)
        best = budget.wait(Stage.RERANKING, job)
        if best is None:
            budget.leave_out(Stage.RERANKING, "no time")
            return hits
        return [*best, *hits[RERANKED:]]

    def _in_order(self, ids: Sequence[int], matcher: Matcher) -> list[Hit]:
        with self._db.begin() as conn:
            posts = get_posts(conn, ids)
        return [
            _hit(posts[id], 0.0, matcher.compare(posts[id].post), None) for id in ids if id in posts
        ]


def _hit(post: StoredPost, score: float, lexical: Lexical, cosine: float | None) -> Hit:
    return Hit(post, score, lexical.spans, lexical.bm25, cosine, lexical.coverage)


def _is_near(hit: Hit) -> bool:
    return hit.coverage >= NEAR_COVERAGE or (hit.cosine or 0.0) >= NEAR_COSINE


def _languages(snapshot: Snapshot, query: Query) -> tuple[str, ...]:
    """The languages whose stems the query's words are looked for in."""
    asked = [atom.value for group in query.groups for atom in group if atom.part is Part.LANG]
    return query_languages(_whole_wording(query), (*asked, *snapshot.languages))


def _whole_wording(query: Query) -> str:
    """A question's words; a word behind a dash is one of them (``what does ls -la do``)."""
    return " ".join(atom.value for atom in query.atoms if atom.part in SAID)


def _best(snapshot: Snapshot, query: tantivy.Query, limit: int) -> tuple[dict[int, float], int]:
    """Ids with their BM25, best first, and how many there are in all."""
    return _scores(snapshot, snapshot.searcher.search(query, limit=limit, count=True))


def _newest(snapshot: Snapshot, query: tantivy.Query, limit: int) -> tuple[dict[int, float], int]:
    """Ids, the newest first, and how many there are in all."""
    found = snapshot.searcher.search(query, limit=limit, count=True, order_by_field="posted_at")
    return _scores(snapshot, found)


def _allowed(
    snapshot: Snapshot, ids: Sequence[int], conditions: compiled.Clauses
) -> dict[int, float]:
    """Those of ``ids`` that meet the conditions, in their order; words speak for none of them."""
    if conditions and ids:
        query = compiled.among(snapshot.schema, ids, conditions)
        allowed, _ = _best(snapshot, query, len(ids))
        ids = [post for post in ids if post in allowed]
    return dict.fromkeys(ids, 0.0)


def _scores(snapshot: Snapshot, found: tantivy.SearchResult) -> tuple[dict[int, float], int]:
    ids = snapshot.searcher.fast_field_values("id", [address for _, address in found.hits])
    scores = {
        int(id): float(score)
        for id, (score, _) in zip(ids, found.hits, strict=True)
        if id is not None
    }
    total = found.count  # pyright: ignore[reportAttributeAccessIssue]  # not in tantivy's stub
    return scores, int(total or 0)


def _count(snapshot: Snapshot, terms: Iterable[str]) -> int:
    return max((snapshot.searcher.doc_freq("body", term) for term in terms), default=0)


def _idf(snapshot: Snapshot, terms: Sequence[str]) -> float:
    """BM25's idf of a word, by its commonest form."""
    posts, with_it = snapshot.searcher.num_docs, _count(snapshot, terms)
    return math.log(1 + max(0.0, posts - with_it + 0.5) / (with_it + 0.5))


def _share(checkpoint: Checkpoint | None, last: int) -> float:
    """Share of the store's changes that a checkpoint covers."""
    seen = covered(checkpoint.done) if checkpoint else 0
    return min(1.0, seen / last) if last else 1.0


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
