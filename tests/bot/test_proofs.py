"""Codes in direct messages, against a fake of an instance: who sends one has proven an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from myna.bot import proofs
from myna.bot.proofs import Proofs
from myna.db.engine import Database
from myna.db.members import list_memberships
from myna.safety.consent.claims import claim
from tests.bot.test_other_networks import FakeReplier, bot_of, mastodon, work
from tests.feeds.mastodon.fake_instance import FakeInstance, running

BO = "https://instance.example/users/bo@other.example"


@pytest.fixture
def instance() -> Iterator[FakeInstance]:
    with running(FakeInstance()) as made:
        yield made


def wait_for_code(db: Database, viewer: str = "viewer", network: str = "mastodon") -> str:
    with db.begin() as conn:
        return claim(conn, viewer, network, now=datetime.now(UTC))[0]


def proven(db: Database, viewer: str = "viewer") -> list[str]:
    with db.begin() as conn:
        return [one.author for one in list_memberships(conn, viewer)]


def test_a_code_in_a_direct_message_proves_who_sent_it(
    instance: FakeInstance, db: Database
) -> None:
    code = wait_for_code(db)
    instance.mention(f"It is me: {code}", visibility="direct", at=datetime.now(UTC))
    assert Proofs(db, "mastodon", mastodon(instance)).look() == 1
    assert proven(db) == [BO]
    assert Proofs(db, "mastodon", mastodon(instance)).look() == 0


def test_only_what_is_direct_is_a_message_and_only_while_a_code_is_waited_for(
    instance: FakeInstance, db: Database
) -> None:
    looks = Proofs(db, "mastodon", mastodon(instance))
    assert looks.look() == 0
    assert instance.asked == []
    code = wait_for_code(db, network="elsewhere")
    instance.mention(code, visibility="direct", at=datetime.now(UTC))
    wait_for_code(db, "another")
    instance.mention(wait_for_code(db), visibility="private", at=datetime.now(UTC))
    assert Proofs(db, "mastodon", mastodon(instance)).look() == 0
    assert proven(db) == []


def test_an_account_that_cannot_read_messages_does_not_stop_the_bot(
    instance: FakeInstance, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "AWAY_SECONDS", 0.0)
    code = wait_for_code(db)
    instance.mention(code, visibility="direct", at=datetime.now(UTC))
    monkeypatch.setattr(proofs, "READ_SECONDS", 0.0)
    looks = Proofs(db, "mastodon", mastodon(instance))
    instance.refuse.append((403, {}))
    assert looks.look() == 0
    assert looks.look() == 1


def test_a_code_is_no_question(instance: FakeInstance, db: Database) -> None:
    replier = FakeReplier()
    bot = bot_of(db, "mastodon", mastodon(instance), replier)
    bot.sweep()
    instance.mention(wait_for_code(db), visibility="direct")
    work(bot)
    assert instance.posted == []
    assert replier.asked == []
    with db.begin() as conn:
        assert conn.execute(text("select reason from mentions")).scalars().all() == ["proof"]
