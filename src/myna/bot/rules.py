"""Whether a mention is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from myna.bot.mention import Asked
from myna.db.authors import find_author
from myna.db.mentions import Mention, is_silent, replies_in_thread, replies_to_author
from myna.db.profiles import reply_rules
from myna.feeds.account import Looked
from myna.post import Use
from myna.safety.consent.claims import codes_in

Refusal = Literal[
    "gone", "blocked", "closed", "no_mention", "asked_to_stop", "proof", "silence", "bot", "old",
    "consent", "thread_limit", "author_limit",
]  # fmt: skip
OLDEST = timedelta(days=1)
"""A mention that was found later than this after it was written is history."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is answered."""

    per_thread: int = 3
    """Replies in one thread."""
    per_author: int = 10
    """Replies that an author gets in an hour."""
    patience: float = 1.0
    """Factor of the pauses between two tries."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is weighed."""

    mention: Mention
    looked: Looked
    asked: Asked
    now: datetime


def unwelcome(looked: Looked | None) -> Refusal | None:
    """Why nothing is sent any more to a post that was weighed before."""
    if looked is None:
        return "gone"
    if looked.blocked:
        return "blocked"
    return "closed" if looked.closed else None


def refuse(conn: Connection, case: Case, limits: Limits) -> Refusal | None:
    """Why a mention gets no answer; None where it gets one."""
    mention, looked, asked, now = case.mention, case.looked, case.asked, case.now
    network, author, thread = mention.network, mention.author, mention.thread
    known = find_author(conn, network, author)
    hour = now - timedelta(hours=1)
    checks: tuple[tuple[Refusal, Callable[[], bool]], ...] = (
        ("no_mention", lambda: not looked.mentions),
        ("asked_to_stop", lambda: asked.wish is not None),
        ("proof", lambda: bool(codes_in(looked.text))),
        ("blocked", lambda: looked.blocked),
        ("closed", lambda: _is_closed(conn, mention, looked)),
        ("silence", lambda: is_silent(conn, network, author, thread)),
        ("old", lambda: (looked.written_at or now) < mention.found_at - OLDEST),
        ("bot", lambda: looked.author.is_bot or (known is not None and known.is_bot)),
        ("consent", lambda: known is not None and Use.GENERATE in known.refused),
        (
            "thread_limit",
            lambda: replies_in_thread(conn, network, thread) >= limits.per_thread,
        ),
        (
            "author_limit",
            lambda: replies_to_author(conn, network, author, hour) >= limits.per_author,
        ),
    )
    return next((reason for reason, holds in checks if holds()), None)


def _is_closed(conn: Connection, mention: Mention, looked: Looked) -> bool:
    """Whether Myna may not reply in the thread. Where the network does not tell, the rule of who
    began it is read, of which only that for those whom the root mentions can be seen to hold."""
    if looked.closed is not None:
        return looked.closed
    rule = reply_rules(conn, mention.network, [mention.thread]).get(mention.thread)
    if rule is None or rule.allow is None:
        return False
    return not ("mention" in rule.allow and mention.uri == mention.thread)
