"""Damage to the files of the text index as an error that can be caught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """tantivy tells most damage by a ``ValueError``, but panics at some (a file of fast fields that
    was cut to a few bytes). A panic of Rust is no ``Exception`` in Python: it passes every handler
    and ends the process, and its next start as well. Here it is a ``ValueError``, too.

    Raises:
        ValueError: in place of a panic.
    """
    try:
        yield
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        raise ValueError("a file of the text index is damaged") from panic
