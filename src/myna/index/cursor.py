"""Where a page of results ended, for the next one to go on from. Pure.

A cursor holds all that the next page needs and nothing is kept for it here, so it outlives
restarts and works on any server that has the same store. By time, a page goes on behind the place
of its last post. By relevance, the first page fixes the order of the best: their ids stand in the
cursor, so later posts, edits and deletions move none of them; behind them come the other posts, the
newest first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from myna.errors import InvalidRequest
from myna.index.lookup import LAST_ID, Place

MAX_CHARACTERS = 4_000
_MAX_IDS = 500
_LAST_MS = 250_000_000_000_000
"""The year 9892."""


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """The end of a page."""

    search: bytes
    """What tells one search from another."""
    now: int
    """Milliseconds since 1970 of the first page: what relative times count from."""
    total: int
    exact: bool
    """Of ``total``."""
    whole: bool
    """Whether ``ids`` are all that there is, or the rest follows in the order of time."""
    ids: list[int] = []
    """The best posts in order, by relevance; all of them, whichever were shown."""
    shown: int = 0
    """How many of ``ids`` were shown."""
    place: tuple[int, int] | None = None
    """The last post that was shown in the order of time."""

    @property
    def behind(self) -> Place | None:
        """The last post in the order of time."""
        return Place(*self.place) if self.place else None


def search_key(query: str, sort: str) -> bytes:
    """What a search is known by in its cursors."""
    return hashlib.blake2b(
        f"{sort}\n{query.strip()}".encode("utf-8", "replace"), digest_size=6
    ).digest()


def write_cursor(cursor: Cursor) -> str:
    """A cursor as text that fits into an address."""
    body = msgspec.msgpack.encode(cursor)
    check = binascii.crc32(body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(check + body).decode().rstrip("=")


def read_cursor(text: str, query: str, sort: str) -> Cursor:
    """The cursor that ``write_cursor`` wrote for this search.

    Raises:
        InvalidRequest: it did not, or the cursor belongs to another search.
    """
    try:
        if len(text) > MAX_CHARACTERS:
            raise ValueError("too long")
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        if binascii.crc32(data[4:]).to_bytes(4, "big") != data[:4]:
            raise ValueError("damaged")
        cursor = msgspec.msgpack.decode(data[4:], type=Cursor)
        place = cursor.place or (0, 0)
        if (
            not 0 <= cursor.shown <= len(cursor.ids) <= _MAX_IDS
            or not all(0 <= number <= LAST_ID for number in (place[1], *cursor.ids))
            or max(abs(cursor.now), abs(place[0])) > _LAST_MS
        ):
            raise ValueError("out of range")
    except (ValueError, msgspec.MsgspecError):
        raise InvalidRequest(
            "The cursor is damaged. Begin again without one, and use next_cursor as it was given."
        ) from None
    if cursor.search != search_key(query, sort):
        raise InvalidRequest(
            "The cursor belongs to another search. Use it with the query and the order that it was "
            "given for, or begin again without one."
        )
    return cursor
