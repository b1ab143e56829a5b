"""The embedder that ships: vectors of length 1 that put like meanings together, from any thread."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from myna.errors import ModelFileError
from myna.index.embed import FOLDER, OnnxEmbedder, open_embedder


def test_like_meanings_are_near(embedder: OnnxEmbedder) -> None:
    texts = ["My sound does not work", "There is no audio on my laptop", "Best pizza in Rome"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (3, embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]


def test_any_text_has_a_vector(embedder: OnnxEmbedder) -> None:
    texts = ["", " ", "\x00", "😀" * 3000, "word " * 5000, "東京"]
    assert np.isfinite(embedder.embed(texts)).all()
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_threads_get_what_one_thread_gets(embedder: OnnxEmbedder) -> None:
    texts = [f"text number {number} " + "and more " * (number % 9) for number in range(40)]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(embedder.embed, [texts] * 4):
            assert np.array_equal(vectors, expected)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "embedder"
    shutil.copytree(FOLDER, folder)
    with (folder / "model.onnx").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"xxxx")
    with pytest.raises(ModelFileError, match="Put them there again"):
        OnnxEmbedder(folder).embed(["a"])
    with pytest.raises(ModelFileError):
        _ = OnnxEmbedder(tmp_path / "nowhere").name


def test_an_embedder_of_a_folder(embedder: OnnxEmbedder, tmp_path: Path) -> None:
    """Pooling and what is put before a question are the manifest's to say."""
    folder = tmp_path / "other"
    shutil.copytree(FOLDER, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"name": "other", "pooling": "cls", "question_prefix": "query: "}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    other = open_embedder(str(folder))
    assert other.name.startswith("other-")
    assert not np.allclose(other.embed(["a warm mat"]), embedder.embed(["a warm mat"]))
    asked = other.embed_question("a warm mat")
    assert asked == pytest.approx(other.embed(["query: a warm mat"])[0])
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ModelFileError, match="MYNA_EMBEDDER"):
        open_embedder(str(tmp_path / "nowhere"))
    assert open_embedder("").name == embedder.name
