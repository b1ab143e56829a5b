"""The app over a real store, in front of a fake answerer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from myna.db.engine import Database
from myna.settings import Settings
from tests.web.live import Live, fake_parts, serving


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that uvicorn uses."""
    return "asyncio"


@pytest.fixture
def live(settings: Settings, db: Database) -> Iterator[Live]:
    """The app on a real server."""
    with serving(settings, fake_parts(db)) as server:
        yield server


@pytest.fixture
def client(live: Live) -> Iterator[httpx2.Client]:
    """A browser."""
    with live.client() as client:
        yield client
