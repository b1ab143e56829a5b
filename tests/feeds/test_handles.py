"""Handles are asked of the connected network's resolver alone, and of it not twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from myna.db.connections import save_connection
from myna.db.engine import Database
from myna.feeds.handles import Handles
from tests.feeds.bluesky.fake_servers import FakeServers, serving

PATH = "/xrpc/com.atproto.identity.resolveHandle"


def connect(db: Database, appview: str) -> None:
    with db.begin() as conn:
        save_connection(
            conn,
            name="bluesky",
            kind="bluesky",
            settings={"appview": appview},
            sealed=None,
            now=datetime.now(UTC),
        )


def test_the_network_says_whose_a_handle_is(db: Database) -> None:
    answers = {"ann.example": {"did": "did:plc:ann"}, "bad.example": {"did": "no id"}}
    fake = FakeServers({PATH: lambda query: answers.get(query["handle"][0], 400)})
    handles = Handles(db)
    assert handles.account_of("ann.example") is None  # no network is connected
    handles = Handles(db)
    with serving(fake):
        connect(db, fake.base)
        assert handles.account_of("Ann.Example") == "did:plc:ann"
        assert handles.account_of("nobody.example") is None
        assert handles.account_of("bad.example") is None
        assert handles.account_of("nobody.example") is None
        assert len(fake.asked) == 3
    assert handles.account_of("ann.example") == "did:plc:ann"  # it is away, and was asked before
    assert handles.account_of("bob.example") is None


@pytest.mark.parametrize(
    "handle", ["localhost", "a/b.example", "127.0.0.1", "", "a..b", "x" * 300 + ".example"]
)
def test_what_is_no_handle_is_not_asked_for(db: Database, handle: str) -> None:
    fake = FakeServers()
    with serving(fake):
        connect(db, fake.base)
        assert Handles(db).account_of(handle) is None
    assert fake.asked == []
