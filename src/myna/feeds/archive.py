"""An archive: JSON lines in a file, plain, gzip or Zstandard (told by its first bytes), or stdin."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import zstandard

from myna.errors import SourceError
from myna.feeds.line import MAX_LINE_BYTES, BadLine, check_network, decode_line
from myna.feeds.source import Record, Rejection

if TYPE_CHECKING:
    from typing_extensions import Buffer

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_HEAD_BYTES = 1 << 16
_SKIP_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 14  # small: a chunk of a Zstandard bomb must not fill the memory
_MAX_WINDOW_BYTES = 1 << 27  # what `zstd --long` makes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands: ``line`` lines and ``offset`` uncompressed bytes are behind it."""

    line: int = 0
    offset: int = 0


class Archive:
    """A file of posts of one network, or standard input where ``path`` is ``-``.

    An interrupted run goes on where it was. The cursor belongs to the file as it was (its size,
    time and first bytes): a changed file, and one that was read to its end, is read from the
    beginning, which changes nothing where the store has it already.
    """

    def __init__(self, path: str | Path, network: str | None = None) -> None:
        """``network`` is the file's name without its endings where it is not given.

        Raises:
            SourceError: the network's name cannot be one.
        """
        self.path = None if str(path) == "-" else Path(path).absolute()
        self.network = check_network(network) if network else self._network_of_name()
        self._raw: BinaryIO | None = None

    @property
    def name(self) -> str:
        """Key of the cursor."""
        return f"archive:{self.network}:{self.path or '-'}"

    @property
    def size(self) -> int | None:
        """Bytes of the file as it lies on the disk; None for standard input."""
        try:
            return self.path.stat().st_size if self.path else None
        except OSError:
            return None

    @property
    def position(self) -> int:
        """How many of those bytes have been read."""
        try:
            return self._raw.tell() if self._raw else 0
        except (OSError, ValueError):
            return 0

    def check(self) -> None:
        """See that the file is there, before anything is begun.

        Raises:
            SourceError: it is not, or cannot be opened.
        """
        try:
            if self.path:
                self._open().close()
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, cursor: str) -> Iterator[Record | None]:
        """Records from ``cursor`` on; see ``Source.read``."""
        try:
            with self._open() as raw:
                self._raw = raw
                identity = self._identity(raw)
                place = _place(cursor, identity)
                stream = _decompressed(raw)
                _skip(stream, place.offset)
                yield from self._records(stream, place, identity)
                yield Record("")
        except OSError as error:
            raise self._unreadable(error) from None
        except (EOFError, zlib.error, zstandard.ZstdError):
            raise SourceError(
                f"{self.path or 'Standard input'} is damaged or cut off. What came before is "
                "stored; get the file again."
            ) from None
        finally:
            self._raw = None

    def _records(self, stream: IO[bytes], place: Place, identity: str) -> Iterator[Record]:
        number, offset = place.line, place.offset
        while True:
            line = stream.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            number += 1
            offset += len(line)
            reason = None
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                reason = f"is longer than {MAX_LINE_BYTES:,} bytes"
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_LINE_BYTES)
                    offset += len(line)
            elif number == 1:
                line = line.removeprefix(_BOM)
            if not reason and not line.strip():
                continue
            cursor = f"{identity} {number} {offset}"
            try:
                if reason:
                    raise BadLine(reason)
                yield Record(cursor, decode_line(line, self.network))
            except BadLine as error:
                yield Record(cursor, rejection=Rejection(number, str(error)))

    def _open(self) -> BinaryIO:
        if self.path is None:
            return cast(BinaryIO, sys.stdin.buffer)
        if self.path.is_dir():
            raise SourceError(f"{self.path} is a folder. Name a file of JSON lines.")
        return self.path.open("rb")

    def _unreadable(self, error: OSError) -> SourceError:
        return SourceError(
            f"{self.path or 'Standard input'} cannot be read "
            f"({error.strerror or 'it is damaged'}). See that it is there and readable."
        )

    def _identity(self, raw: BinaryIO) -> str:
        """What tells this file from another at the same path; "" for what cannot be read twice."""
        if self.path is None or not raw.seekable():
            return ""
        status = self.path.stat()
        head = raw.read(_HEAD_BYTES)
        raw.seek(0)
        facts = f"{status.st_size} {status.st_mtime_ns} ".encode()
        return hashlib.sha256(facts + head).hexdigest()[:16]

    def _network_of_name(self) -> str:
        if self.path is None:
            return "archive"
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", self.path.name.partition(".")[0]).strip("-_")
        return check_network(stem[:64] or "archive")


def _place(cursor: str, identity: str) -> Place:
    match cursor.split(" "):
        case [known, line, offset] if identity and known == identity:
            return Place(int(line), int(offset))
        case _:
            return Place()


def _decompressed(raw: BinaryIO) -> IO[bytes]:
    head = raw.peek(4)[:4] if isinstance(raw, io.BufferedReader) else b""
    if head.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(_ZSTD):
        return io.BufferedReader(_Zstandard(raw), buffer_size=_CHUNK_BYTES)
    return raw


class _Zstandard(io.RawIOBase):
    """Frames of Zstandard one after the other. The library's own reader takes a file that was cut
    off for a whole one."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._waiting = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """As ``io`` asks for it."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill ``buffer`` as far as a chunk goes; 0 behind the last frame, which must be whole."""
        while not self._ready:
            chunk = self._waiting or self._raw.read(_CHUNK_BYTES)
            if not chunk:
                if self._frame:
                    raise EOFError
                return 0
            if self._frame is None:
                limits = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
                self._frame = limits.decompressobj()
            self._ready = memoryview(self._frame.decompress(chunk))
            self._waiting = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0:
        chunk = stream.read(min(count, _SKIP_BYTES))
        if not chunk:
            return
        count -= len(chunk)
