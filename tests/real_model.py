"""The real model, fetched once into ``.cache/models`` and shared by every test that needs it.

A plugin of ``tests/conftest.py``: its fixtures are there for all rooms.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from myna.models.fetch import pull_model
from myna.models.local import Address, running_server
from myna.models.registry import DEFAULT, find_model
from myna.settings import Settings

CACHE_HOME = Path(__file__).parents[1] / ".cache"


def link_model(home: Path) -> None:
    """Give ``home`` the default model without a copy, fetching it the first time."""
    model = find_model(DEFAULT)
    cache = Settings(home=CACHE_HOME)
    file = pull_model(cache, model, lambda what, done, total: None)
    target = Settings(home=home).models_dir / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)


@pytest.fixture(scope="session")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the default model's file in it."""
    home = tmp_path_factory.mktemp("model-home")
    link_model(home)
    return home


@pytest.fixture(scope="session")
def model_settings(model_home: Path) -> Settings:
    """Settings of that home."""
    return Settings(home=model_home, demo=False, model_url="", model_name="")


@pytest.fixture(scope="session")
def model_server(model_settings: Settings) -> Iterator[Address]:
    """The real local server, running."""
    with running_server(model_settings) as address:
        yield address
