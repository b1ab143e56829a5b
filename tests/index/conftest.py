"""The index's fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.db.engine import Database
from myna.index import text
from myna.index.embed import OnnxEmbedder
from myna.index.search import Searcher
from tests.index.world import World


@pytest.fixture(scope="session")
def embedder() -> OnnxEmbedder:
    """The encoder of the package."""
    return OnnxEmbedder()


@pytest.fixture
def world(
    db: Database, tmp_path: Path, embedder: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch
) -> World:
    """An empty store with its index; the searcher looks for news at each search."""
    monkeypatch.setattr(text, "_RELOAD_SECONDS", 0.0)
    folder = tmp_path / "index"
    return World(db, folder, embedder, Searcher(db, folder, embedder=embedder))
