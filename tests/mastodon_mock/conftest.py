"""The tests here talk to the third-party ``mastodon-mock``; all are marked ``mastodon_mock``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mastodon_mock.mock import Mock, Unavailable, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.mastodon_mock)


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Mock]:
    """A mock of this test's own."""
    try:
        with running(tmp_path) as made:
            yield made
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)
