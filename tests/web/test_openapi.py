"""The OpenAPI document is complete, and the server keeps to it whatever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from myna.web.app import create_app
from tests.web.live import Live, fake_parts, serving

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TRIED = ("/api/search", "/api/posts", "/api/threads", "/api/chats", "/api/messages", "/v1/")
EXAMPLES = 12


@pytest.fixture
def live(settings: Settings, db: Database) -> Iterator[Live]:
    """The app with one post."""
    post = Post("irc", "1", Author("irc", "ada", "ada"), "mount -o loop", NOW)
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "irc", "1", post)], now=NOW)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    searcher = Searcher(db, settings.index_dir, embedder=None)
    with serving(settings, fake_parts(db, searcher)) as server:
        yield server


def test_every_route_is_described(tmp_path: Path) -> None:
    document = create_app(Settings(home=tmp_path)).openapi()
    assert len(document["paths"]) >= 16
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path} has no description"
            assert operation["tags"]
            assert {"4XX", "5XX"} <= set(operation["responses"])
            for parameter in operation.get("parameters", []):
                named = parameter["in"] == "path" or parameter.get("description")
                assert named, f"{method} {path}: {parameter['name']} has no description"


def test_whatever_is_sent_the_answer_is_as_described(live: Live) -> None:
    schema = schemathesis.openapi.from_url(f"{live.base}/openapi.json")
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) >= 16
    tried = [one for one in operations if one.path.startswith(TRIED)]
    assert len(tried) >= 12
    for operation in tried:

        @hypothesis_settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.filter_too_much,
                HealthCheck.data_too_large,
            ],
        )
        @given(case=operation.as_strategy())
        def keeps_to_it(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=checks, timeout=10)

        keeps_to_it()
