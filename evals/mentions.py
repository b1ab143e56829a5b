"""Mentions on a real PDS and a bot that answers them without a model, for benchmarks; and where the time
of a reply goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from evals.bench import percentile
from myna.bot import bot as bots
from myna.bot.bot import Bot
from myna.bot.compose import Run
from myna.bot.reply import Question, Reply
from myna.bot.rules import Limits
from myna.db.engine import Database
from myna.feeds.bluesky.account import BlueskyAccount
from myna.feeds.bluesky.directory import Directory
from myna.feeds.bluesky.server import Server
from tests.atproto.network import PASSWORD, Account, AtNetwork

NETWORK = "bluesky"
SENTENCE = "Birds sing to be heard by other birds, which is why they are so loud at dawn. "
CLAIM_SECONDS = 2.0
GIVE_UP_S = 30.0
STAGES = {
    "claimed": "the PDS writes it, the stream brings it, the store has it, the bot takes it",
    "looked": "the mention is looked at",
    "answered": "weighed, the thread read (the answer is a fixed one)",
    "stored": "the reply stored",
    "sends": "the mention looked at again",
    "sent": "the PDS writes the reply",
    "ended": "noted",
}
"""Step of the bot → what was done since the one before."""


class FixedReplier:
    """Answers with one to three posts, by the question's number."""

    def reply(self, question: Question) -> Reply:
        """The number says how long."""
        number = int(question.text.rsplit(" ", 1)[-1])
        return Reply([Run(SENTENCE * (1, 1, 5, 9)[number % 4])], (), "en")


def told_of(network: AtNetwork, myna: Account) -> dict[str, str]:
    """What a process needs to act as Myna's account."""
    return {"pds": network.pds, "plc": network.plc, "did": myna.did, "handle": myna.handle}


def make_bot(db: Database, told: dict[str, str], **more: Any) -> Bot:
    """The bot of Myna's account, without pauses."""
    bots.WRITE_POINTS_AN_HOUR = 10**9
    account = BlueskyAccount(
        Server(told["pds"]),
        told["handle"],
        lambda: PASSWORD,
        network=NETWORK,
        did=told["did"],
        directory=Directory(told["plc"]),
        appview=False,
    )
    since = datetime.now(UTC) - timedelta(days=1)
    limits = Limits(10**6, 10**6, patience=0.05)
    return Bot(
        db,
        NETWORK,
        NETWORK,
        account,
        FixedReplier(),
        since=since,
        limits=limits,
        claim_seconds=CLAIM_SECONDS,
        **more,
    )


def mention(by: Account, told: dict[str, str], number: int) -> str:
    """A question to Myna; the post's URI."""
    handle = f"@{told['handle']}"
    index = {"byteStart": 0, "byteEnd": len(handle)}
    features = [{"$type": "app.bsky.richtext.facet#mention", "did": told["did"]}]
    facets = [{"index": index, "features": features}]
    return by.post(f"{handle} why do birds sing, number {number}", facets=facets)


def answered_one_by_one(
    db: Database, network: AtNetwork, told: dict[str, str], count: int
) -> list[dict[str, float]]:
    """Of each of ``count`` mentions, the seconds from sending it to the PDS until each step of its
    reply; ``written`` is when the PDS had taken it."""
    asker, stop = network.account("asker"), threading.Event()
    steps: dict[str, float] = {}
    ended = threading.Event()

    def on_step(step: str) -> None:
        steps[step] = time.monotonic()
        if step == "ended":
            ended.set()

    thread = threading.Thread(target=make_bot(db, told, on_step=on_step).run, args=(stop,))
    thread.start()
    time.sleep(1.0)
    took: list[dict[str, float]] = []
    try:
        for number in range(0, 4 * count, 4):  # answers of one post
            steps.clear()
            ended.clear()
            began = time.monotonic()
            mention(asker, told, number)
            written = time.monotonic()
            ended.wait(GIVE_UP_S)
            took.append(
                {"written": written - began} | {step: at - began for step, at in steps.items()}
            )
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
    return took


def summary(took: Sequence[dict[str, float]]) -> dict[str, Any]:
    """How soon mentions had their replies: sent is when the PDS has it."""
    sent = [one.get("sent", GIVE_UP_S) for one in took]
    return {
        "replies": len(sent),
        "reply_p50_s": percentile(sent, 0.5),
        "reply_p99_s": percentile(sent, 0.99),
    }


def breakdown(took: Sequence[dict[str, float]]) -> list[dict[str, Any]]:
    """Where the time goes: the middle of each stage."""
    whole = [one for one in took if "ended" in one]
    written = percentile([one["written"] for one in whole], 0.5)
    rows = [{"until": "written", "what": "of the next: createRecord on the PDS", "p50_s": written}]
    before = "began"
    for step, what in STAGES.items():
        spent = [one[step] - one.get(before, 0.0) for one in whole]
        rows.append({"until": step, "what": what, "p50_s": percentile(spent, 0.5)})
        before = step
    return rows
