"""Damage to the files of the text index as an error that can be caught.

tantivy tells most damage by a ``ValueError``, but panics at some (a file of fast fields that was cut to
a few bytes). A panic of Rust is no ``Exception`` in Python: it passes every handler and ends the
process, and its next start as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import tantivy

from myna.errors import StorageError


@contextmanager
def panics_as_errors(error: type[Exception] = ValueError, then: str = "") -> Iterator[None]:
    """Raises ``error`` in place of a panic: the ``ValueError`` of other damage for who mends it; ``then``
    says what to do."""
    try:
        yield
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        raise error(f"A file of the text index is damaged.{then}") from panic


class SafeSearcher:
    """tantivy's searcher over one commit, for who can only say that it is damaged.

    Raises:
        StorageError: in place of a panic, by every method.
    """

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self._searcher = searcher

    @property
    def num_docs(self) -> int:
        """Posts in the index."""
        return self._searcher.num_docs

    def search(self, query: tantivy.Query, limit: int = 10, **options: Any) -> tantivy.SearchResult:
        """As tantivy's."""
        with _told():
            return self._searcher.search(query, limit, **options)

    def aggregate(self, query: tantivy.Query, wanted: dict[str, Any]) -> dict[str, Any]:
        """As tantivy's."""
        with _told():
            return self._searcher.aggregate(query, wanted)

    def doc_freq(self, field: str, value: str | int) -> int:
        """As tantivy's."""
        with _told():
            return self._searcher.doc_freq(field, value)

    def fast_field_values(self, field: str, places: Sequence[tantivy.DocAddress]) -> list[Any]:
        """As tantivy's."""
        with _told():
            return self._searcher.fast_field_values(field, list(places))


def _told() -> AbstractContextManager[None]:
    return panics_as_errors(StorageError, " Run `myna index check`, or `myna index rebuild`.")
