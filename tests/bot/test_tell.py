"""A mention that says "is this true?" is about the post above it, and is answered once in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from myna.answer.answer import Answerer
from myna.bot.reply import AnswerReplier
from myna.db.engine import Database
from myna.post import Author, Event, Kind, Post
from tests.answer.test_explain import Shop, Silent
from tests.bot.test_other_networks import bot_of, mastodon, work
from tests.feeds.mastodon.fake_instance import FakeInstance, running

CLAIM = "BREAKING: the harbour bridge has collapsed, three cars fell into the river"


@pytest.fixture
def instance() -> Iterator[FakeInstance]:
    with running(FakeInstance()) as made:
        yield made


def test_is_this_true_is_about_the_post_above(
    instance: FakeInstance, db: Database, tmp_path: Path
) -> None:
    shop = Shop(db, tmp_path / "index")
    replier = AnswerReplier(Answerer(db, shop.searcher, Silent()))
    bot = bot_of(db, "mastodon", mastodon(instance), replier)  # pyright: ignore[reportArgumentType]
    bot.sweep()
    above = instance.status(CLAIM)
    now = datetime.now(UTC)
    ann, bob = Author("mastodon", "i-ann", "ann"), Author("mastodon", "i-bob", "bob")
    claim = Post("mastodon", above["uri"], ann, CLAIM, now)
    denial = Post("mastodon", "no", bob, "This is not true, I am on it.", now, above["uri"])
    shop.load(*(Event(Kind.CREATE, "mastodon", one.uri, one) for one in (claim, denial)))
    instance.mention("is this true?", in_reply_to_id=above["id"])
    work(bot)
    text = " ".join(one["content"] for one in instance.posted)
    assert "@ann wrote: “BREAKING" in text
    assert "Against it, @bob: “This is not true" in text
    assert "I give no verdict" in text
    sent = len(instance.posted)
    instance.mention("Is it true??", in_reply_to_id=above["id"], by="cy@other.example")
    work(bot)
    (again,) = instance.posted[sent:]
    assert "I have answered this here:" in again["content"]
    instance.mention("c'est vrai ?", in_reply_to_id=above["id"], by="di@other.example")
    work(bot)
    assert len(instance.posted) == sent + 2


def test_a_post_that_the_store_does_not_have_is_answered_as_before(
    instance: FakeInstance, db: Database, tmp_path: Path
) -> None:
    shop = Shop(db, tmp_path / "index")
    replier = AnswerReplier(Answerer(db, shop.searcher, Silent()))
    bot = bot_of(db, "mastodon", mastodon(instance), replier)  # pyright: ignore[reportArgumentType]
    bot.sweep()
    above = instance.status("The moon is made of green cheese.")
    instance.mention("is this true?", in_reply_to_id=above["id"])
    work(bot)
    (posted,) = instance.posted
    assert "I found no post that answers this." in posted["content"]
