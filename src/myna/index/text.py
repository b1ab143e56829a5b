"""The text index on disk: one process writes, any number read. tantivy under a checkpoint.

``index/text.json`` names the folder in use and the changes that are in it. A folder of another
store, of another version or one that cannot be opened is replaced by an empty one, which the
follower fills from the store again. ``index/text.next.json`` names one that was built beside it
(``rebuild.py``) and waits to be taken into use.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tantivy

from myna.index.checkpoint import Checkpoint, load_checkpoint
from myna.index.damage import SafeSearcher, panics_as_errors
from myna.index.schema import VERSION, build_schema
from myna.index.terms import LANGUAGES

_RELOAD_SECONDS = 0.02
_AVERAGE_SECONDS = 60.0
_LANGUAGE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The index at one moment."""

    searcher: SafeSearcher
    schema: tantivy.Schema
    seq: int
    store_id: str
    generation: str
    """Name of its folder."""
    average_words: float
    languages: tuple[str, ...] = ()
    """Languages with stems that a fair share of the posts is in."""
    hidden: tuple[int, ...] = ()
    """Accounts whose posts a search leaves out, as the store says at this moment."""
    refusing: tuple[int, ...] = ()
    """Accounts that do not want to be found, as long as the index may not know it."""

    def leaving_out(self, hidden: tuple[int, ...], refusing: tuple[int, ...]) -> Snapshot:
        """The same without the posts of these accounts."""
        return replace(self, hidden=hidden, refusing=refusing)


class TextReader:
    """Reads what another process writes. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._index: tantivy.Index | None = None
        self._checkpoint: Checkpoint | None = None
        self._schema = build_schema()
        self._next_reload = 0.0
        self._next_average = 0.0
        self._average = 1.0
        self._languages: tuple[str, ...] = ()

    def snapshot(self) -> Snapshot | None:
        """The latest commit, at most 20 ms old; None while there is no index."""
        with self._mutex:
            if time.monotonic() >= self._next_reload:
                self._reload()
                self._next_reload = time.monotonic() + _RELOAD_SECONDS
            if self._index is None or self._checkpoint is None:
                return None
            searcher = SafeSearcher(self._index.searcher())
            if time.monotonic() >= self._next_average:
                self._average = _average_words(searcher)
                self._languages = _languages(searcher)
                self._next_average = time.monotonic() + _AVERAGE_SECONDS
            return Snapshot(
                searcher,
                self._schema,
                self._checkpoint.seq,
                self._checkpoint.store_id,
                self._checkpoint.generation,
                self._average,
                self._languages,
            )

    def _reload(self) -> None:
        # The checkpoint is read first: what it says is then surely in what is opened after it.
        checkpoint = load_checkpoint(self._folder / "text.json")
        if checkpoint is None or checkpoint.version != VERSION:
            self._index, self._checkpoint = None, None
            return
        try:
            with panics_as_errors():
                if (
                    self._index is None
                    or self._checkpoint is None
                    or checkpoint.generation != self._checkpoint.generation
                ):
                    index = tantivy.Index.open(str(self._folder / checkpoint.generation))
                    index.config_reader("manual")
                    self._index = index
                    self._next_average = 0.0
                self._index.reload()
            self._checkpoint = checkpoint
        except (ValueError, OSError):  # replaced at this moment, or damaged: the writer mends it
            self._index, self._checkpoint = None, None


def origins_in(
    searcher: SafeSearcher, schema: tantivy.Schema, posts: Sequence[int]
) -> dict[int, int]:
    """Post → its origin, of those that the index has."""
    if not posts:
        return {}
    these = tantivy.Query.term_set_query(schema, "id", list(posts))
    found = searcher.search(these, limit=len(posts), count=False)
    places = [address for _, address in found.hits]
    ids = searcher.fast_field_values("id", places)
    origins = searcher.fast_field_values("origin", places)
    return {
        int(id): int(origin)
        for id, origin in zip(ids, origins, strict=True)
        if id is not None and origin is not None
    }


def _average_words(searcher: SafeSearcher) -> float:
    """Mean number of words of a post's text, what BM25 measures length by."""
    if searcher.num_docs == 0:
        return 1.0
    result = searcher.aggregate(tantivy.Query.all_query(), {"words": {"avg": {"field": "words"}}})
    return max(1.0, float(result["words"]["value"] or 1.0))


def _languages(searcher: SafeSearcher) -> tuple[str, ...]:
    """The languages that at least one post in a hundred is in, the most frequent first."""
    counts = {lang: searcher.doc_freq("lang", lang) for lang in LANGUAGES}
    least = max(1.0, searcher.num_docs * _LANGUAGE_SHARE)
    present = [lang for lang, count in counts.items() if count >= least]
    return tuple(sorted(present, key=lambda lang: -counts[lang]))
