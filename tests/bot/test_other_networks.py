"""The bot on Mastodon and X, against fakes of them: a mention gets one reply, wherever it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myna.bot.bot import Bot
from myna.bot.compose import Run
from myna.bot.reply import Question, Reply
from myna.db.engine import Database
from myna.feeds.account import Account
from myna.feeds.mastodon.account import MastodonAccount
from myna.feeds.mastodon.server import Server as Instance
from myna.feeds.x.account import XAccount
from myna.feeds.x.server import Server as X
from myna.feeds.x.signing import Keys
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance
from tests.feeds.mastodon.fake_instance import running as running_instance
from tests.feeds.x.fake_x_server import BEARER, FakeX
from tests.feeds.x.fake_x_server import running as running_x

MENTION = {"entities": {"mentions": [{"username": "myna", "id": "999"}]}}


class Killed(Exception):
    """Stands for a kill: nothing after it is done."""


class FakeReplier:
    """A fake of who answers: as long an answer as it is told."""

    def __init__(self, words: str = "Since Monday.") -> None:
        self.words = words
        self.asked: list[Question] = []

    def reply(self, question: Question) -> Reply:
        self.asked.append(question)
        return Reply([Run(self.words)])


@pytest.fixture
def instance() -> Iterator[FakeInstance]:
    with running_instance(FakeInstance()) as made:
        yield made


@pytest.fixture
def x() -> Iterator[FakeX]:
    with running_x(FakeX()) as made:
        yield made


def mastodon(fake: FakeInstance) -> Account:
    id = fake.account("myna")["id"]
    return MastodonAccount(Instance(fake.base, TOKEN), id, "instance.example", 500)


def on_x(fake: FakeX) -> Account:
    return XAccount(X(fake.base, BEARER, Keys("a", "b", "c", "d")), "999", "myna")


def bot_of(
    db: Database, network: str, account: Account, replier: FakeReplier, kill_at: int = 0
) -> Bot:
    """``kill_at``: the step, from 1, at which it is killed."""
    steps = 0

    def count(_step: str) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            raise Killed

    return Bot(
        db,
        network,
        network,
        account,
        replier,
        since=datetime.now(UTC) - timedelta(hours=1),
        claim_seconds=0.0,
        on_step=count,
    )


def work(bot: Bot) -> None:
    bot.sweep()
    while bot.work():
        pass


def test_a_mention_on_mastodon_is_answered_in_its_thread(
    instance: FakeInstance, db: Database
) -> None:
    replier = FakeReplier()
    bot = bot_of(db, "mastodon", mastodon(instance), replier)
    bot.sweep()
    above = instance.status("The bridge is open.")
    asked = instance.mention("since when?", in_reply_to_id=above["id"], visibility="unlisted")
    work(bot)
    work(bot)
    (posted,) = instance.posted
    assert posted["content"] == "<p>@bo@other.example Since Monday.</p>"
    assert (posted["in_reply_to_id"], posted["visibility"]) == (asked["id"], "unlisted")
    (question,) = replier.asked
    assert question.text == "since when?"
    assert question.around == ["The bridge is open."]


def test_killed_at_any_step_it_leaves_one_reply(instance: FakeInstance, db: Database) -> None:
    """Three parts long, and the instance has forgotten the keys when it comes back."""
    replier = FakeReplier("One sentence of many. " * 60)
    account = mastodon(instance)
    bot_of(db, "mastodon", account, replier).sweep()
    killed, step = True, 0
    while killed:
        step += 1
        instance.posted.clear()
        asked = instance.mention(f"question {step}", by=f"a{step}@other.example")
        try:
            work(bot_of(db, "mastodon", account, replier, kill_at=step))
            killed = False
        except Killed:
            instance.forget_keys()
            work(bot_of(db, "mastodon", account, replier))
        parents = [one["in_reply_to_id"] for one in instance.posted]
        ids = [one["id"] for one in instance.posted]
        assert parents == [asked["id"], *ids[:2]], f"killed at step {step}"
    assert step > 8


def test_who_says_stop_is_answered_no_more(instance: FakeInstance, db: Database) -> None:
    bot = bot_of(db, "mastodon", mastodon(instance), FakeReplier())
    bot.sweep()
    instance.mention("STOP!")
    work(bot)
    instance.mention("what is new?")
    work(bot)
    assert instance.posted == []
    assert bot.found.refused == 2


def test_another_bot_is_not_answered(instance: FakeInstance, db: Database) -> None:
    bot = bot_of(db, "mastodon", mastodon(instance), FakeReplier())
    bot.sweep()
    instance.mention("hello", account={"bot": True})
    work(bot)
    assert instance.posted == []


def due(db: Database) -> None:
    """The pause between two tries is over."""
    with db.begin() as conn:
        conn.exec_driver_sql("update mentions set not_before = now()")


@pytest.mark.parametrize("words", ["Since Monday.", "One sentence of many. " * 60])
def test_a_reply_that_nobody_acknowledged_goes_with_its_mention(
    instance: FakeInstance, db: Database, words: str
) -> None:
    bot = bot_of(db, "mastodon", mastodon(instance), FakeReplier(words))
    bot.sweep()
    other = instance.mention("since when?", by="cem@other.example")
    work(bot)
    kept = [one["id"] for one in instance.posted]
    asked = instance.mention("since when?", by="ann@other.example")
    instance.lose_answers = 1
    work(bot)
    assert len(instance.posted) == len(kept) + 1
    instance.delete(asked)
    due(db)
    work(bot)
    assert [id for id in instance.statuses if id not in {other["id"]}] == kept
    assert bot.found.refused == 1


def test_who_blocks_myna_is_not_answered(instance: FakeInstance, db: Database) -> None:
    bot = bot_of(db, "mastodon", mastodon(instance), FakeReplier())
    bot.sweep()
    instance.blockers.add("bo@other.example")
    instance.mention("since when?")
    work(bot)
    assert instance.posted == []
    with db.begin() as conn:
        reasons = conn.exec_driver_sql("select reason from mentions").scalars().all()
    assert reasons == ["blocked"]


def test_a_block_between_two_tries_takes_back_what_was_sent(
    instance: FakeInstance, db: Database
) -> None:
    bot = bot_of(db, "mastodon", mastodon(instance), FakeReplier())
    bot.sweep()
    instance.mention("since when?")
    instance.lose_answers = 1
    work(bot)
    instance.blockers.add("bo@other.example")
    due(db)
    work(bot)
    assert len(instance.posted) == 1
    assert instance.posted[0]["id"] not in instance.statuses


@pytest.mark.parametrize("lost", [0, 1])
def test_a_mention_on_x_gets_one_post(x: FakeX, db: Database, lost: int) -> None:
    bot = bot_of(db, "x", on_x(x), FakeReplier("One sentence of many. " * 60))
    bot.sweep()
    asked = x.post("@myna since when?", **MENTION)
    x.lose_answers = lost
    work(bot)
    if lost:
        due(db)
        work(bot)
    (sent,) = x.sent
    assert sent["referenced_tweets"] == [{"type": "replied_to", "id": asked["id"]}]
    assert len(sent["text"]) <= 280
    assert bot.found.sent == 1


def test_a_lost_reply_on_x_goes_with_its_mention(x: FakeX, db: Database) -> None:
    bot = bot_of(db, "x", on_x(x), FakeReplier())
    bot.sweep()
    asked = x.post("@myna since when?", **MENTION)
    x.lose_answers = 1
    work(bot)
    (sent,) = x.sent
    del x.posts[asked["id"]]
    due(db)
    work(bot)
    assert sent["id"] not in x.posts
    assert bot.found.refused == 1
