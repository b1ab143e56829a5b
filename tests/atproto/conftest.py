"""The tests here talk to a real PDS and PLC directory; all are marked ``atproto``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
