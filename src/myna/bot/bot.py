"""From mentions to replies: one step after the other, each of which may be the last before a kill.

A mention is found by following the changes of the store, and by a look at the account's notifications
now and then. It is claimed, weighed, answered; what will be sent is stored before it is sent; each part
has a key that is made from the mention, so that a second try finds the first one's post. So there is
one reply, whatever breaks, and never a second one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from myna.bot.compose import Part, Run, parts_of
from myna.bot.mention import Asked, asked
from myna.bot.proofs import Proofs
from myna.bot.recordkey import reply_keys
from myna.bot.reply import Question, Replier
from myna.bot.rules import Case, Limits, Refusal, refuse, unwelcome
from myna.bot.thread import around, no_source, told_of
from myna.db import mentions as rows
from myna.db.accounts import accounts_version
from myna.db.engine import Database
from myna.db.mentions import ClaimLost, Mention, NewMention
from myna.db.posts import find_post, last_seq, read_changes, seq_before
from myna.db.sources import load_cursor, save_cursor
from myna.errors import DatabaseError, ModelError, MynaError, SourceError, StorageError
from myna.feeds import account as networks
from myna.feeds.account import Account, Link, Looked, Sent
from myna.feeds.bluesky.account import root_of
from myna.feeds.bluesky.text import mentions_of
from myna.post import State, StoredPost
from myna.telemetry import get_logger

log = get_logger("bot")

CHANGES = 1_000
"""Changes of the store that are looked through at once."""
CLAIM_SECONDS = 180.0
"""Longer than an answer takes; so long a mention waits after a kill."""
MOST_ATTEMPTS = 8
SWEEP_SECONDS, LOOK_SECONDS = 60.0, 3.0
"""How often the account's notifications are asked for: beside a stream, and without one."""
IDLE_SECONDS = 0.05
"""How often the store is asked for changes and mentions while there are none."""
CHECK_SECONDS = 1.0
"""How often replies are held against what has become of their sources."""
LONGEST_PAUSE_SECONDS = 3_600.0
CLOCKS = timedelta(minutes=10)
"""By how much a server's clock may differ from this one."""
DEFAULT_LIMITS = Limits()
WRITE_POINTS_AN_HOUR, POINTS_A_POST = 5_000, 3
"""What a server lets an account write, which it tells in no header."""


@dataclass(slots=True)
class Found:
    """What a run has done, for whoever watches."""

    sent: int = 0
    refused: int = 0
    failed: int = 0
    withdrawn: int = 0


class Bot:
    """The bot of one connection. ``on_step`` is told of each step when it is made."""

    def __init__(
        self,
        db: Database,
        connection: str,
        network: str,
        account: Account,
        replier: Replier,
        *,
        since: datetime,
        limits: Limits = DEFAULT_LIMITS,
        claim_seconds: float = CLAIM_SECONDS,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """``network`` is what posts carry. What came in before ``since`` is not answered."""
        self._db, self._connection, self._network = db, connection, network
        self._account, self._replier = account, replier
        self._proofs = Proofs(db, network, account)
        self._since, self._limits = since, limits
        self._claim_seconds, self._step = claim_seconds, on_step
        self._paused_until = 0.0
        self._checked: tuple[int, float] = (-1, 0.0)
        self.found = Found()

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set. What is away is waited for."""
        marked, swept, told = False, 0.0, ""
        pause = SWEEP_SECONDS if self._account.limits.links else LOOK_SECONDS
        while not stop.is_set():
            try:
                if not marked:
                    marked = self._account.is_marked()
                if not marked:
                    raise SourceError(
                        "The account does not say that a program acts for it. Mark it as automated "
                        "in its profile's settings."
                    )
                busy = self.follow()
                if time.monotonic() - swept > pause:
                    swept = time.monotonic()
                    self.sweep()
                busy |= self.work()
                self.check()
                self._proofs.look()
                told = ""
            except (SourceError, DatabaseError, StorageError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("the bot waits", network=self._network, reason=told)
                stop.wait(2.0)
                continue
            if not busy:
                stop.wait(IDLE_SECONDS)

    def follow(self) -> bool:
        """Queue the mentions among the next changes of the store; whether there were changes."""
        name, now = f"{self._connection}:bot", datetime.now(UTC)
        with self._db.begin() as conn:
            state = load_cursor(conn, name)
            place = int(state.cursor) if state and state.cursor.isdecimal() else None
            newest = last_seq(conn)
            if place is None or place > newest:  # the first time, or a store that was restored
                place = seq_before(conn, self._since)
                save_cursor(conn, name, str(place), accepted=0, rejected=0, now=now)
            if place == newest:
                return False
            changes = read_changes(conn, place, CHANGES)
            if not changes:
                return False
            found = [new for post in changes if (new := self._mention_in(post))]
            new = rows.add_mentions(conn, found, now=now)
            save_cursor(conn, name, str(changes[-1].seq), accepted=new, rejected=0, now=now)
            gone = [post.id for post in changes if post.state is not State.LIVE or post.edited_at]
            groundless = rows.groundless_replies(conn, self._network, gone, 100) if gone else []
        self._withdraw(groundless)
        return True

    def _mention_in(self, stored: StoredPost) -> NewMention | None:
        post = stored.post
        if (
            post.network != self._network
            or stored.state is not State.LIVE
            or post.author.id == self._account.author
            or stored.indexed_at < self._since
            or not mentions_of(post.raw, self._account.author)
        ):
            return None
        thread = root_of(post.raw, post.uri)
        return NewMention(self._network, post.uri, post.uri, post.author.id, thread)

    def sweep(self) -> None:
        """Queue mentions that the network has noticed and the stream has not brought.

        Raises:
            SourceError: they cannot be had now.
        """
        name, now = f"{self._connection}:bot:noticed", datetime.now(UTC)
        with self._db.begin() as conn:
            state = load_cursor(conn, name)
        noticed, place = self._account.noticed(state.cursor if state else "", self._since)
        found = [
            NewMention(self._network, one.uri, one.id, one.author, one.uri)
            for one in noticed
            if one.author != self._account.author
        ]
        with self._db.begin() as conn:
            new = rows.add_mentions(conn, found, now=now) if found else 0
            save_cursor(conn, name, place, accepted=new, rejected=0, now=now)

    def work(self) -> bool:
        """Go on with one mention; whether there was one.

        Raises:
            SourceError, DatabaseError, StorageError: something is away; the mention stays.
        """
        if time.monotonic() < self._paused_until:
            return False
        now = datetime.now(UTC)
        with self._db.begin() as conn:
            mention = rows.claim_mention(conn, self._network, now=now, seconds=self._claim_seconds)
        if mention is None:
            return False
        self._step("claimed")
        try:
            self._go_on(mention)
        except ClaimLost:
            log.info("another process answers a mention", network=self._network)
        except (DatabaseError, StorageError):
            raise
        except MynaError as error:
            self._later(mention, error)
        return True

    def _go_on(self, mention: Mention) -> None:
        looked = self._account.look(mention.id)
        self._step("looked")
        parts = mention.parts if mention.state == "sending" else None
        if looked is None or (parts is not None and looked.blocked):
            self._take_back(mention, parts or ())
            self._end(mention, "refused", reason=unwelcome(looked))
            return
        if parts is None:
            mention = self._place(mention, looked)
            if refusal := self._weigh(mention, looked):
                self._end(mention, "refused", reason=refusal)
                return
            parts = self._decide(mention, looked)
            if parts is None:
                return
            self._step("stored")
            looked = self._account.look(mention.id)  # writing takes time
            if looked is None or unwelcome(looked):
                self._end(mention, "refused", reason=unwelcome(looked))
                return
        self._send(mention, looked, parts)

    def _take_back(self, mention: Mention, parts: Sequence[Mapping[str, Any]]) -> None:
        """Delete what was sent of a reply, also where its acknowledgement was lost: that of one part
        alone may be, for nothing is sent behind it."""
        ids = list(mention.sent)
        if len(ids) < len(parts):
            lost = self._account.find_sent(
                ids[-1] if ids else mention.id,
                parts[len(ids)]["text"],
                key=parts[len(ids)]["key"],
                since=mention.found_at - CLOCKS,
            )
            with self._db.begin() as conn:
                ids += rows.of_no_mention(conn, self._network, lost)
        for id in reversed(ids):
            self._account.delete(id)

    def _place(self, mention: Mention, looked: Looked) -> Mention:
        thread = looked.thread or (looked.above[0].uri if looked.above else looked.uri)
        if thread == mention.thread:
            return mention
        with self._db.begin() as conn:
            rows.place_mention(conn, mention, thread)
        return replace(mention, thread=thread)

    def _weigh(self, mention: Mention, looked: Looked) -> Refusal | None:
        now = datetime.now(UTC)
        said = asked(looked.text)
        with self._db.begin() as conn:
            if said.wish and looked.mentions:
                self._heed(conn, mention, said, now)
            return refuse(conn, Case(mention, looked, said, now), self._limits)

    def _heed(self, conn: Connection, mention: Mention, said: Asked, now: datetime) -> None:
        """Who says stop is answered no more; who began the thread says it for the thread."""
        began = find_post(conn, self._network, mention.thread)
        begins = mention.thread == mention.uri or (
            began is not None and began.post.author.id == mention.author
        )
        if said.wish == "stop":
            rows.silence(conn, self._network, "author", mention.author, now=now)
            if begins:
                rows.silence(conn, self._network, "thread", mention.thread, now=now)
        else:
            rows.end_silence(conn, self._network, "author", mention.author)
            if begins:
                rows.end_silence(conn, self._network, "thread", mention.thread)

    def _decide(self, mention: Mention, looked: Looked) -> Sequence[Mapping[str, Any]] | None:
        """Write the reply and store it; None where it has to wait."""
        said = asked(looked.text)
        now = datetime.now(UTC)
        with self._db.begin() as conn:
            told = told_of(conn, self._network, self._account.author, looked, said.text)
            task, key = told or (None, said.key)
            earlier = rows.earlier_reply(conn, self._network, mention.thread, key)
            spent = rows.parts_since(conn, self._network, now - timedelta(hours=1))
            near = around(conn, self._network, self._account.author, looked)
        if (spent + 3) * POINTS_A_POST > WRITE_POINTS_AN_HOUR:
            self._pause(mention, 60.0)
            return None
        if earlier and said.text:
            language = looked.lang or "en"
            runs, sources = [_again(language), Run("↗", _page(earlier))], ()
        else:
            without = no_source(self._account.author, mention.uri)
            question = Question(said.text, near, looked.lang, without, task)
            reply = self._replier.reply(question)
            runs, sources, language = reply.runs, reply.sources, reply.language
        self._step("answered")
        posts = parts_of(runs, self._room(looked)) or [Part("…")]
        keys = reply_keys(
            mention.uri, self._account.author, len(posts), now_us=int(now.timestamp() * 1e6)
        )
        parts = [
            {
                "key": key,
                "text": part.text,
                "language": language,
                "links": [[link.start, link.end, link.address] for link in part.links],
            }
            for key, part in zip(keys, posts, strict=True)
        ]
        with self._db.begin() as conn:
            rows.save_parts(conn, mention, parts, question=key, sources=sources)
        return parts

    def _room(self, looked: Looked) -> networks.Limits:
        """What fits into a part; where a reply begins with the handle of who is answered, less."""
        limits = self._account.limits
        if limits.links:
            return limits
        return replace(limits, size=limits.size - limits.measure(f"@{looked.author.handle} "))

    def _send(self, mention: Mention, first: Looked, parts: Sequence[Mapping[str, Any]]) -> None:
        to: Looked | Sent = first
        sent: list[Sent] = []
        for part in parts:
            self._step("sends")
            to = self._account.reply(
                to,
                part["text"],
                first=first,
                key=part["key"],
                lang=part["language"],
                links=[Link(*link) for link in part["links"]],
            )
            sent.append(to)
            with self._db.begin() as conn:
                rows.note_sent(conn, mention, [one.id for one in sent])
            self._step("sent")
        self._end(mention, "sent", reply=sent[0].uri, keep=first.is_public)

    def _end(
        self,
        mention: Mention,
        state: rows.End,
        *,
        reason: str | None = None,
        reply: str | None = None,
        keep: bool = True,
    ) -> None:
        with self._db.begin() as conn:
            rows.end_mention(
                conn, mention, state, now=datetime.now(UTC), reason=reason, reply=reply, keep=keep
            )
        setattr(self.found, state, getattr(self.found, state) + 1)
        self._step("ended")

    def _later(self, mention: Mention, error: MynaError) -> None:
        """It could not be done now: again after a pause that grows, but not for ever."""
        if getattr(error, "status", None) == 429:
            self._pause(mention, max(1.0, float(getattr(error, "retry_after_s", 0))))
            return
        if mention.attempts >= MOST_ATTEMPTS and not isinstance(error, ModelError):
            log.warning("a mention is given up", network=self._network, reason=str(error))
            self._end(mention, "failed", reason=str(error))
            return
        wait = min(2.0**mention.attempts, 300.0) * self._limits.patience
        with self._db.begin() as conn:
            until = datetime.now(UTC) + timedelta(seconds=wait)
            rows.postpone_mention(conn, mention, until, spare=isinstance(error, ModelError))

    def _pause(self, mention: Mention, seconds: float) -> None:
        """The server wants nothing written for so long."""
        seconds = min(seconds, LONGEST_PAUSE_SECONDS)
        self._paused_until = time.monotonic() + seconds
        with self._db.begin() as conn:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            rows.postpone_mention(conn, mention, until, spare=True)

    def check(self) -> None:
        """Delete replies that rest on what may not be used any more, where accounts have changed.

        Raises:
            SourceError: the server is away; they are looked for again.
        """
        version, when = self._checked
        if time.monotonic() - when < CHECK_SECONDS:
            return
        with self._db.begin() as conn:
            now = accounts_version(conn)
            changed = now != version
            found = rows.groundless_replies(conn, self._network, None, 100) if changed else []
        self._withdraw(found)
        self._checked = (version if len(found) == 100 else now, time.monotonic())

    def _withdraw(self, replies: Sequence[rows.Groundless]) -> None:
        for reply in replies:
            for id in reversed(reply.sent):
                self._account.delete(id)
            with self._db.begin() as conn:
                rows.note_withdrawn(conn, self._network, reply.uri, "a source was withdrawn")
            self.found.withdrawn += 1


def _page(uri: str) -> str:
    """Where people see a post."""
    if not uri.startswith("at://"):
        return uri
    did, _, rkey = uri.removeprefix("at://").split("/")
    return f"https://bsky.app/profile/{did}/post/{rkey}"


def _again(language: str) -> Run:
    french = language.startswith("fr")
    return Run("J’ai déjà répondu à cela ici : " if french else "I have answered this here: ")
