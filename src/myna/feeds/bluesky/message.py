"""What a decoder makes of one message of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myna.post import Event


@dataclass(slots=True)
class Message:
    """One message: its number, the place behind it, and the events in it."""

    number: int
    """Grows along the stream (v1: nearly); equal numbers are the same message."""
    cursor: str
    events: Sequence[Event] = ()
    renamed: str | None = None
    """An account that may go by another handle now. Where one is told, it is not verified."""
    diverged: str | None = None
    """An account whose repository must be read anew: its operations cannot be followed."""
    unlabelled: Sequence[tuple[str, str]] = ()
    """Posts of which a label was taken back, and which: ``records.unlabelled``."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The host's word on the stream itself, as ``OutdatedCursor`` or ``FutureCursor``."""

    name: str


class StreamRefused(Exception):
    """The host ends the stream. ``name`` is its word for why, as ``ConsumerTooSlow``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BadMessage(ValueError):
    """A message that is not what its protocol says; the text never repeats it."""
