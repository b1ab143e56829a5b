"""A copy of the index at one moment, while others go on writing it.

Files that never change once they are written (tantivy's, sealed vectors) are linked where the copy
is on the same disk, others are copied. What names them is read first; where something of it was
merged away in the meantime, it is all done again.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import tantivy

from myna.errors import StorageError
from myna.index.checkpoint import load_checkpoint, save_checkpoint
from myna.index.damage import panics_as_errors
from myna.index.meaning import SERVING
from myna.index.vectors.manifest import NAME, load_manifest

TEXT = "text.json"
_TRIES = 20


def save_index(folder: Path, target: Path) -> None:
    """Copy text index and vectors, as far as they are there, into the new folder ``target``.

    Each has all changes up to the number in its checkpoint, and maybe some later ones: save the
    store after the index, so that it is no older.

    Raises:
        StorageError: it changes too quickly, or cannot be written.
    """
    target.mkdir(parents=True)
    for name, copy in ((TEXT, _copy_text), (SERVING, _copy_vectors)):
        for _ in range(_TRIES):
            checkpoint = load_checkpoint(folder / name)
            if checkpoint is None:
                break
            place = target / checkpoint.generation
            try:
                place.mkdir()
                copy(folder / checkpoint.generation, place)
            except (FileNotFoundError, ValueError):  # replaced at this moment
                shutil.rmtree(place, ignore_errors=True)
                continue
            save_checkpoint(target / name, checkpoint)
            break
        else:
            raise StorageError("The index changes too quickly to be saved. Try again.")


def _copy_text(source: Path, target: Path) -> None:
    meta = (source / "meta.json").read_bytes()
    for path in source.glob("*.bin"):
        shutil.copyfile(path, target / path.name)
    for segment in json.loads(meta)["segments"]:
        for path in source.glob(segment["segment_id"].replace("-", "") + ".*"):
            _link(path, target / path.name)
    names = sorted({path.name for path in target.iterdir()} | {"meta.json"})
    (target / ".managed.json").write_text(json.dumps(names))
    (target / "meta.json").write_bytes(meta)
    with panics_as_errors():
        tantivy.Index.open(str(target))  # raises ValueError where a file is not there


def _copy_vectors(source: Path, target: Path) -> None:
    told = (source / NAME).read_bytes()
    (target / NAME).write_bytes(told)
    manifest = load_manifest(target)
    if manifest is None:
        raise ValueError(NAME)
    for entry in manifest.entries:
        if entry.is_log:
            shutil.copyfile(source / entry.name, target / entry.name)
        else:
            _link(source / entry.name, target / entry.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
