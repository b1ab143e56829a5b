"""The tests here talk to a real PDS and PLC directory, some to an AppView too; all are marked ``atproto``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from myna.db.embedded import EmbeddedServer
from tests.atproto.network import AtNetwork, Unavailable, at_network


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.atproto)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def network() -> Iterator[AtNetwork]:
    """One network for all; each test makes accounts of its own."""
    try:
        with at_network() as running:
            yield running
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def whole_network(postgres: EmbeddedServer) -> Iterator[AtNetwork]:
    """One with an AppView, which is as far behind its PDS as the real one."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("create database appview")
    try:
        with at_network(postgres=postgres.url("appview")) as running:
            yield running
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)
