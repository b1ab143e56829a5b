"""Origins: posts that say the same as an earlier one are folded under it, as they come in.

A table in a file beside the index, memory-mapped by the one process that writes the index, keeps
the signatures of the latest ``MOST`` origins: 128 bytes each, so 268 MB when it is full and 8 MB
at the beginning. A new post is compared with those that share a band with it; it is a copy where
the estimated similarity reaches ``LEAST_SIMILARITY`` and numbers and denials are the same. Every
copy is compared with its origin, not with another copy, so that a fold never drifts.

What was written is there after a crash of the process: it is in the system's page cache. After a
power cut the worst is a record of the last seconds that matches nothing. Another store's file, or
one of another version, is replaced by an empty one, which is filled with the latest ``REFILLED`` posts
under the numbers that the index has for them; copies of older ones begin a fold of their own. A record cannot be read as text; it goes when newer ones have taken its place.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from myna.errors import StorageError
from myna.index.signatures import (
    BANDS,
    CHUNK,
    LANES,
    VERSION,
    Signatures,
    sign,
    similarity,
)
from myna.post import State, StoredPost
from myna.telemetry import get_logger

LEAST_SIMILARITY = 0.6
"""Estimated share of words and pairs of words in common, from which a post is a copy. See the
table of ``python -m evals.origins``."""
MOST = 2**21
"""Origins that are remembered; the oldest make room."""
REFILLED = 2**18
"""Posts that a lost table is filled with: some ten seconds, in pauses."""
_FEWEST = 2**16
_SLOTS = 16
"""Places of the look-up table for each record, of which a record takes ``BANDS``; newer records
may take them away. All ten are gone for 0.3 % of the records, the oldest."""
_HEADER_BYTES = 4096
_EDITED = 1 << 62
"""Origins of edited posts are numbered from here by their change: their copies may still be folded
under the post's own number."""

_HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("size", "<u4"),
        ("next", "<u8"),
        ("store", "S64"),
        ("refill_to", "<u8"),
        ("refill_posts", "<u8"),
    ]
)
_RECORD = np.dtype(
    {
        "names": ["lanes", "facts", "origin"],
        "formats": [("<u8", (LANES,)), "<u8", "<u8"],
        "itemsize": 64,  # no record lies across two pages
    }
)
_MAGIC = b"myna-org"
_log = get_logger("index")


def own_number(post: StoredPost) -> int:
    """What a post's copies are folded under where it is the first of them."""
    return _EDITED + post.seq if post.edited_at else post.id


class Origins:
    """Post → number of its origin. One thread owns it.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, store_id: str, *, most: int = MOST) -> None:
        self._path = path
        self._store = store_id.encode()[:64]
        self._most = most
        self.fresh = False
        """Whether there was none to go on with."""
        try:
            if not self._open():
                self._make(min(most, _FEWEST))
                self.fresh = True
        except OSError as error:
            raise _unwritable(path) from error

    @property
    def count(self) -> int:
        """Origins that are remembered."""
        return min(int(self._header["next"]), self._size)

    def assign(self, own: Sequence[int], signed: Signatures) -> list[int]:
        """The origin's number of each post, that of the first post that said so: its ``own_number``
        where it is the first. Posts are taken in their order; the same ones again get the same
        numbers as a rule."""
        found = np.array(own, np.uint64)
        for start in range(0, len(found), CHUNK):
            self._fold(signed.part(start, start + CHUNK), found[start : start + CHUNK])
        return found.tolist()

    @property
    def refill_to(self) -> int:
        """Posts below this id are to be filled in, the newest first; 0: none are."""
        return int(self._header["refill_to"])

    def begin_refill(self, below: int) -> None:
        """The table was lost: remember that the posts ``below`` this id are to be filled in."""
        self._header["refill_to"], self._header["refill_posts"] = below, REFILLED

    def refill(self, posts: Sequence[StoredPost], origins: Mapping[int, int]) -> None:
        """Take in the next posts below ``refill_to``, the newest first, under the numbers that the
        index has for them; with none it is done."""
        known = [post for post in posts if post.state is State.LIVE and post.id in origins]
        self.assign([origins[post.id] for post in known], sign_posts(known))
        left = int(self._header["refill_posts"]) - len(posts)
        self._header["refill_posts"] = max(0, left)
        self._header["refill_to"] = posts[-1].id if posts and left > 0 else 0

    def close(self) -> None:
        """Let go of the file."""
        del self._header, self._table, self._records
        self._map.close()

    def _fold(self, signed: Signatures, origins: np.ndarray) -> None:
        """Replace the numbers of copies in ``origins`` and remember what is new."""
        slots = (signed.bands % np.uint64(self._size * _SLOTS)).astype(np.int64)
        place = self._match(signed, slots)
        known = place >= 0
        origins[known] = self._records["origin"][place[known]]
        fresh = np.flatnonzero(~known & signed.usable)
        parent = _among(signed, fresh)
        first = parent == np.arange(len(fresh))
        origins[fresh] = origins[fresh[parent]]
        self._remember(
            slots[fresh[first]],
            signed.lanes[fresh[first]],
            signed.facts[fresh[first]],
            origins[fresh[first]],
        )
        if self._size == self._most and known.any():
            self._keep_alive(slots, place, np.flatnonzero(known))
        if self._size < self._most and int(self._header["next"]) + CHUNK > self._size:
            self._grow()

    def _match(self, signed: Signatures, slots: np.ndarray) -> np.ndarray:
        """Place of the most similar record that shares a band, -1 for none that is a copy."""
        candidates = self._table[slots].astype(np.int64) - 1
        records = self._records[np.maximum(candidates, 0)]
        score = similarity(records["lanes"], signed.lanes[:, None, :])
        usable = (
            (candidates >= 0)
            & (records["origin"] != 0)
            & (records["facts"] == signed.facts[:, None])
            & signed.usable[:, None]
        )
        score = np.where(usable, score, -1.0)
        best = score.argmax(axis=1)[:, None]
        place = np.take_along_axis(candidates, best, 1)[:, 0]
        return np.where(np.take_along_axis(score, best, 1)[:, 0] >= LEAST_SIMILARITY, place, -1)

    def _remember(
        self, slots: np.ndarray, lanes: np.ndarray, facts: np.ndarray, origins: np.ndarray
    ) -> None:
        if not len(slots):
            return
        begin = int(self._header["next"])
        places = (begin + np.arange(len(slots))) % self._size
        made = np.zeros(len(slots), _RECORD)
        made["lanes"], made["facts"], made["origin"] = lanes, facts, origins
        self._records[places] = made
        self._table[slots] = (places + 1)[:, None]
        self._header["next"] = begin + len(slots)

    def _keep_alive(self, slots: np.ndarray, place: np.ndarray, known: np.ndarray) -> None:
        """What is still repeated must not be forgotten: its record is written again."""
        age = (int(self._header["next"]) - place[known]) % self._size
        old, index = np.unique(place[known[age > self._size // 2]], return_index=True)
        if len(old):
            again = known[age > self._size // 2][index]
            kept = self._records[old]
            self._remember(slots[again], kept["lanes"], kept["facts"], kept["origin"])

    def _open(self) -> bool:
        if not self._path.exists():
            return False
        with self._path.open("r+b") as file:
            head = file.read(_HEADER.itemsize)
            if len(head) < _HEADER.itemsize:
                return False
            found = np.frombuffer(head, _HEADER)[0]
            size = int(found["size"])
            whole = os.fstat(file.fileno()).st_size == _bytes(size)
            if (found["magic"], found["version"], found["store"]) != (
                _MAGIC,
                VERSION,
                self._store,
            ) or not whole:
                _log.info("origins are begun anew")
                return False
            self._attach(mmap.mmap(file.fileno(), 0), size)
        return True

    def _make(self, size: int) -> None:
        """An empty file of ``size`` records; zeros take no room on the disk."""
        temporary = self._path.with_suffix(".new")
        with temporary.open("w+b") as file:
            file.truncate(_bytes(size))
            made = mmap.mmap(file.fileno(), 0)
        temporary.replace(self._path)
        self._attach(made, size)
        header = self._header
        header["magic"], header["version"], header["size"] = _MAGIC, VERSION, size
        header["store"] = self._store

    def _grow(self) -> None:
        """Twice the room. A slot's number keeps its lower bits, so that what stood in it may stand
        in two places now, in one of which it will be overwritten."""
        _log.debug("origins get twice the room", records=self._size)
        size, table, records = self._size, self._table.copy(), self._records.copy()
        begin = int(self._header["next"])
        refill = self._header["refill_to"], self._header["refill_posts"]
        try:
            self._make(size * 2)
        except OSError as error:
            raise _unwritable(self._path) from error
        self._table[:] = np.concatenate([table, table])
        self._records[:size] = records
        self._header["next"] = begin
        self._header["refill_to"], self._header["refill_posts"] = refill

    def _attach(self, opened: mmap.mmap, size: int) -> None:
        self._map = opened
        self._size = size
        slots = size * _SLOTS
        self._header = np.frombuffer(opened, _HEADER, 1)[0]
        self._table = np.frombuffer(opened, np.uint32, slots, _HEADER_BYTES)
        self._records = np.frombuffer(opened, _RECORD, size, _HEADER_BYTES + 4 * slots)


def sign_posts(posts: Sequence[StoredPost]) -> Signatures:
    """The posts' signatures."""
    return sign([post.post.text for post in posts], [post.post.author.handle for post in posts])


def first_of_each(posts: Sequence[StoredPost]) -> list[int]:
    """For each post the index of the first of them that says the same, or its own: the same
    folding, of a few posts among themselves."""
    signed = sign_posts(posts)
    firsts = list(range(len(posts)))
    usable = np.flatnonzero(signed.usable)
    for place, first in zip(usable.tolist(), usable[_among(signed, usable)].tolist(), strict=True):
        firsts[place] = first
    return firsts


def _among(signed: Signatures, fresh: np.ndarray) -> np.ndarray:
    """For each of the texts ``fresh``, the index (into ``fresh``) of the first of them that it is
    a copy of, or its own."""
    count = len(fresh)
    parent = np.arange(count)
    if count < 2:
        return parent
    lanes, facts, bands = signed.lanes[fresh], signed.facts[fresh], signed.bands[fresh]
    for band in range(BANDS):
        _, first, group = np.unique(bands[:, band], return_index=True, return_inverse=True)
        if len(first) == count:
            continue
        earlier = parent[first[group]]
        copy = (
            (earlier < parent)
            & (facts[earlier] == facts)
            & (similarity(lanes[earlier], lanes) >= LEAST_SIMILARITY)
        )
        parent = np.where(copy, earlier, parent)
    root = parent[parent]
    while (root != parent).any():  # a copy of a copy: of the first only if it is like that, too
        like = similarity(lanes[root], lanes) >= LEAST_SIMILARITY
        parent = np.where(like, root, np.where(root != parent, np.arange(count), parent))
        root = parent[parent]
    return parent


def _bytes(size: int) -> int:
    return _HEADER_BYTES + size * (4 * _SLOTS + _RECORD.itemsize)


def _unwritable(path: Path) -> StorageError:
    return StorageError(
        f"The table of origins {path} cannot be written. Free some disk space or check who owns it."
    )
