"""A list of what was deleted, beside the store: a restored backup does not bring it back.

24 bytes a deletion: its change number and a digest of network and URI, no text and no name. It is
kept in ``deletions.log`` in the home folder and grows by 9 MB a year for a thousand deletions a
day. Another store (a restored one has a new identity) begins a new file.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from myna.db.engine import Database
from myna.db.posts import apply_events, store_id
from myna.errors import InvalidRequest, StorageError
from myna.post import Event, Kind

FILE = "deletions.log"
_MAGIC = b"MYNADEL1"
_HEADER_BYTES = 48
"""The magic and the store's identity in hexadecimal and dashes, padded with zeros."""
_RECORD = struct.Struct("<Q16s")
_AT_ONCE = 10_000


def digest(network: str, uri: str) -> bytes:
    """16 bytes that stand for a post."""
    key = network.encode() + b"\0" + uri.encode()
    return hashlib.blake2b(key, digest_size=16).digest()


def log_deletions(db: Database, home: Path) -> int:
    """Add what was deleted since the last time; how many.

    Raises:
        StorageError: the file cannot be written.
    """
    path = home / FILE
    added = 0
    with db.begin() as conn:
        store = str(store_id(conn))
        try:
            after = _begin(path, store)
            with path.open("ab") as file:
                for number, network, uri in _deleted(conn, after):
                    file.write(_RECORD.pack(number, digest(network, uri)))
                    added += 1
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}). Free some disk space."
            ) from error
    return added


def read_deletions(paths: Iterable[Path]) -> set[bytes]:
    """The digests in these files.

    Raises:
        InvalidRequest: a file is no list of deletions.
    """
    found: set[bytes] = set()
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidRequest(
                f"{path} cannot be read ({error.strerror}). Name a deletions.log of Myna's."
            ) from error
        if not data.startswith(_MAGIC):
            raise InvalidRequest(f"{path} is no deletions.log of Myna's.")
        records = data[_HEADER_BYTES:]
        whole = records[: len(records) // _RECORD.size * _RECORD.size]
        found.update(one for _, one in _RECORD.iter_unpack(whole))
    return found


def lists_in(home: Path) -> list[Path]:
    """The lists that a home has, those of earlier stores among them."""
    return sorted(home.glob("deletions*.log"))


def delete_again(db: Database, digests: set[bytes]) -> int:
    """Delete the posts that are on the list; how many there were."""
    gone, after = 0, 0
    while digests:
        with db.begin() as conn:
            rows = conn.execute(
                text(
                    "select id, network, uri, state from posts where id > :after "
                    "order by id limit :limit"
                ),
                {"after": after, "limit": _AT_ONCE},
            ).all()
            if not rows:
                break
            after = rows[-1].id
            events = [
                Event(Kind.DELETE, row.network, row.uri)
                for row in rows
                if row.state != "deleted" and digest(row.network, row.uri) in digests
            ]
            now = conn.execute(text("select now()")).scalar_one()
            gone += apply_events(conn, events, now=now).deleted
    return gone


def _begin(path: Path, store: str) -> int:
    """Make the file ready to be added to; the number of the last deletion in it."""
    header = _MAGIC + store.encode()
    try:
        with path.open("rb") as file:
            found = file.read(_HEADER_BYTES).rstrip(b"\0")
            size = file.seek(0, os.SEEK_END)
            whole = (size - _HEADER_BYTES) // _RECORD.size
            if found == header and whole >= 0:
                last = 0
                if whole:
                    file.seek(_HEADER_BYTES + (whole - 1) * _RECORD.size)
                    last = _RECORD.unpack(file.read(_RECORD.size))[0]
                os.truncate(path, _HEADER_BYTES + whole * _RECORD.size)
                return last
        path.rename(path.with_name(f"deletions-{int(path.stat().st_mtime)}.log"))
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.ljust(_HEADER_BYTES, b"\0"))
    return 0


def _deleted(conn: Connection, after: int) -> Iterator[tuple[int, str, str]]:
    while True:
        rows = conn.execute(
            text(
                "select seq, network, uri from posts where seq > :after and state = 'deleted' "
                "order by seq limit :limit"
            ),
            {"after": after, "limit": _AT_ONCE},
        ).all()
        for row in rows:
            yield row.seq, row.network, row.uri
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].seq
