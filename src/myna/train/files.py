"""Where a corpus's posts come from: the store, through the door of consent, and files with a licence."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from myna.errors import InvalidRequest
from myna.safety.consent.training import trainable

if TYPE_CHECKING:
    from myna.db.engine import Database

TEXT_CHARACTERS = 4_000
"""Paragraphs of a text file are put together up to so many."""


TOLD_LINES = 2_048
Told = Callable[[int], None]
"""Hears how many bytes of a file have been read."""


class Piece(NamedTuple):
    """A post, or a document of a file, as it came. A plain tuple: it is sent between processes."""

    text: str
    key: str
    """Unique in its source."""
    thread: str
    """Key of the first post of its conversation as far as it is known, or of its parent."""
    network: str
    author: str
    lang: str | None
    consent: int
    """Version of all consents at which it was taken; 0 for a file."""
    source: str
    """Empty: it may not be learnt from, since no licence is told."""
    parent: str = ""
    """Key of the post that it replies to; empty where it replies to none."""


class Cursor(NamedTuple):
    """Everything up to here was read: number of the source, post id or row in it."""

    source: int = 0
    row: int = 0


def read_store(db: Database) -> Iterator[tuple[int, Piece]]:
    """All posts whose authors let models be trained on them, with their ids, by id."""
    for batch in trainable(db):
        for stored in batch.posts:
            post = stored.post
            yield (
                stored.id,
                Piece(
                    post.text,
                    post.uri,
                    stored.thread,
                    post.network,
                    post.author.id,
                    post.lang,
                    batch.version,
                    f"store:{post.network}",
                    post.reply_to or "",
                ),
            )


def read_file(
    path: Path, licence: str = "", told: Told = lambda done: None
) -> Iterator[tuple[int, Piece]]:
    """A file's documents with their numbers from 1: JSON lines (plain, gzip, Zstandard), Parquet,
    or text. A row has ``text``, and may have ``id``, ``author``, ``reply_to``, ``thread``, ``lang``,
    ``licence`` (else ``licence`` here counts) and ``consent`` (``train``): a row that says no, or
    whose licence nobody tells, comes without a source. ``told`` hears now and then how much is read.

    Raises:
        InvalidRequest: the file is not there or cannot be read.
    """
    name, sources = path.name, dict[str, str]()
    for number, row in enumerate(_rows(path, told), 1):
        text = row.get("text")
        if not isinstance(text, str):
            raise InvalidRequest(f"{path}, row {number}: give each row a text in the field `text`.")
        by = str(row.get("licence") or row.get("license") or licence)
        source = sources.get(by)
        if source is None:
            source = sources[by] = f"file:{name} ({by})" if by else ""
        key = str(row.get("id") or number)
        thread = str(row.get("thread") or row.get("reply_to") or key)
        author, lang = row.get("author"), row.get("lang")
        yield (
            number,
            Piece(
                text,
                key,
                thread,
                str(row.get("network") or name),
                str(author) if author else "",
                str(lang) if lang else None,
                0,
                "" if _refused(row.get("consent")) else source,
                str(row.get("reply_to") or ""),
            ),
        )


def _refused(consent: Any) -> bool:
    if isinstance(consent, Mapping):
        consent = consent.get("train")
    return consent is not None and str(consent).lower() in {"false", "no", "0", "refused"}


def _rows(path: Path, told: Told) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        yield from _parquet(path, told)
    elif ".json" in path.name or ".ndjson" in path.name:
        for number, line in enumerate(open_lines(path, told=told), 1):
            try:
                row = _decoded(line)
            except ValueError:
                raise InvalidRequest(f"{path}, line {number}: this is not JSON.") from None
            if not isinstance(row, dict):
                raise InvalidRequest(f"{path}, line {number}: give one JSON object a line.")
            yield row
    else:
        yield from _paragraphs(path, told)


def _decoded(line: str) -> Any:
    """msgspec is three times as fast; what it refuses and Python takes (NaN, half a surrogate pair)
    stays readable."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return json.loads(line)


def _parquet(path: Path, told: Told) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise InvalidRequest("Parquet files need `pip install 'myna[train]'`.") from None
    try:
        with parquet.ParquetFile(path) as file:
            rows, size, read = file.metadata.num_rows, path.stat().st_size, 0
            for batch in file.iter_batches(10_000):
                yield from batch.to_pylist()
                read += batch.num_rows
                told(size * read // rows)
    except (OSError, arrow.ArrowException) as error:
        raise InvalidRequest(f"{path} cannot be read as Parquet ({error}).") from error


def _paragraphs(path: Path, told: Told) -> Iterator[Mapping[str, Any]]:
    held: list[str] = []
    size = 0
    for line in open_lines(path, blank=True, told=told):
        if not line.strip() and size >= TEXT_CHARACTERS:
            yield {"text": "".join(held).strip()}
            held, size = [], 0
        held.append(line)
        size += len(line)
    if text := "".join(held).strip():
        yield {"text": text}


def open_lines(path: Path, *, blank: bool = False, told: Told = lambda done: None) -> Iterator[str]:
    """A file's lines: plain, gzip (``.gz``) or Zstandard (``.zst``); blank ones are left out.

    Raises:
        InvalidRequest: the file is not there or is not what its name says.
    """
    import zstandard

    try:
        with path.open("rb") as raw:
            stream: Any = raw
            if path.suffix == ".gz":
                stream = gzip.GzipFile(fileobj=raw)
            elif path.suffix == ".zst":
                stream = zstandard.ZstdDecompressor().stream_reader(raw)
            lines = io.TextIOWrapper(io.BufferedReader(stream), "utf-8", errors="replace")
            for number, line in enumerate(lines):
                if number % TOLD_LINES == 0:
                    told(raw.tell())
                if blank or line.strip():
                    yield line
    except FileNotFoundError:
        raise InvalidRequest(f"{path} is not there.") from None
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise InvalidRequest(f"{path} cannot be read ({error}).") from error
