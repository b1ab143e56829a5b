"""The query language: that of X, Bluesky and Mastodon search. Pure, and never raises: what cannot
be used as an operator is explained in a note and becomes words.

    mount iso  "disk is full"  -windows  ubuntu OR debian  (a b) OR -(c d)  #hoary  from:ann
    -from:bob  to:ann  mentions:ann  since:2024-01-31  until:2024-02-01T12:00Z  since:7d  within:24h
    during:2024-02  lang:fr  has:links  is:reply  domain:ubuntu.com  url:ubuntu.com/wiki
    channel:#ubuntu  thread:URI  network:irc  min_likes:5

All parts must hold; ``OR`` binds its two neighbours, parentheses group. Times are UTC; ``since``
includes its moment, ``until`` does not. Times and numbers hold for the whole search.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import reduce

from myna.index.language import base_language
from myna.index.links import fold_domain
from myna.index.moments import end_of, is_span, parse_time
from myna.index.terms import TAG, fold

MAX_CHARACTERS = 2_000
MAX_PARTS = 64
_MAX_DEPTH = 8
_MAX_GROUPS = 64


class Part(StrEnum):
    """What a part of a query asks of a post."""

    WORD = "word"
    PHRASE = "phrase"
    TAG = "tag"
    FROM = "from"
    TO = "to"
    MENTIONS = "mentions"
    LANG = "lang"
    HAS = "has"
    """What a post has or is: one of ``TRAITS``."""
    DOMAIN = "domain"
    CHANNEL = "channel"
    THREAD = "thread"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Atom:
    """One condition. ``value`` is as typed for words, phrases and threads, else folded."""

    part: Part
    value: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Why a part of the query was not used as the person may have meant it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """All of ``groups`` must hold; of each group, one atom."""

    text: str
    groups: tuple[tuple[Atom, ...], ...] = ()
    atoms: tuple[Atom, ...] = ()
    """What ``groups`` are made of, in the order in which it was typed."""
    since: datetime | None = None
    until: datetime | None = None
    min_likes: int = 0
    min_reposts: int = 0
    fewer_likes: int | None = None
    """Posts with so many or more are not wanted."""
    fewer_reposts: int | None = None
    notes: tuple[Note, ...] = ()

    @property
    def wording(self) -> str:
        """What was said rather than asked of fields: words, phrases and tags in order, those that
        must not occur among them left out."""
        return " ".join(atom.value for atom in self.atoms if atom.part in SAID and not atom.negated)


Groups = tuple[tuple[Atom, ...], ...]

SAID = frozenset({Part.WORD, Part.PHRASE, Part.TAG})
"""Parts that are looked for in the text itself."""

_ALIASES = {
    "by": "from",
    "author": "from",
    "mention": "mentions",
    "language": "lang",
    "hashtag": "tag",
    "filter": "has",
    "is": "has",
    "site": "domain",
    "in": "channel",
    "conversation_id": "thread",
    "before": "until",
    "after": "since",
    "within_time": "within",
    "since_time": "since",
    "until_time": "until",
    "min_faves": "min_likes",
    "min_retweets": "min_reposts",
}
_FIELDS = frozenset(Part) - {Part.WORD, Part.PHRASE}
_NUMBERS = ("min_likes", "min_reposts")
_TIMES = ("since", "until", "within", "during")
OPERATORS = (*sorted(_FIELDS), *_TIMES, *_NUMBERS, "url")
"""Names that may stand before a colon."""
TRAITS = {
    "links": ("link",),
    "media": (),
    "images": ("image", "photos", "photo", "twimg"),
    "videos": ("video", "native_video", "consumer_video"),
    "audio": (),
    "tags": ("tag", "hashtags", "hashtag"),
    "mentions": ("mention",),
    "poll": ("polls",),
    "quote": ("quotes",),
    "reply": ("replies",),
    "bot": ("bots",),
}
"""What ``has:``, ``is:`` and ``filter:`` know, and other words for it."""
_TRAIT = {other: name for name, others in TRAITS.items() for other in (name, *others)}
_REPOSTS = frozenset({"retweet", "retweets", "nativeretweets", "repost", "reposts"})
_ELSEWHERE = {
    "list": "there are no lists here",
    "near": "posts have no place here",
    "geocode": "posts have no place here",
    "place": "posts have no place here",
    "min_replies": "replies are not counted here",
    "since_id": "posts have other numbers here; use since:",
    "max_id": "posts have other numbers here; use until:",
    "quoted_tweet_id": "quotes cannot be searched by what they quote",
    "quoted_user_id": "quotes cannot be searched by whom they quote",
    "retweets_of": "a repost is no post of its own here",
    "card_name": "posts have no cards here",
    "source": "what a post was written with is not known here",
}
"""Operators of other searches, and why they are words here."""

_QUOTES = '"“”„'
_SCAN = re.compile(
    rf"""(?P<sign>-?)(?:
        (?P<open>\() | (?P<close>\))
      | [{_QUOTES}](?P<phrase>[^{_QUOTES}]*)[{_QUOTES}]?
      | (?P<name>[A-Za-z_]{{2,20}}):(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}]?
            |(?P<value>[^\s(){_QUOTES}]*))
      | [\#＃](?P<tag>{TAG})
      | (?P<word>[^\s(){_QUOTES}]+)
    )""",
    re.VERBOSE,
)


def parse(text: str, *, now: datetime | None = None) -> Query:
    """Read what a person typed. ``now`` (aware) is what relative times count from."""
    return _Parser(text, now or datetime.now(UTC)).query()


@dataclass
class _Parser:
    text: str
    now: datetime
    atoms: list[Atom] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def query(self) -> Query:
        text = self.text
        if len(text) > MAX_CHARACTERS:
            text = text[:MAX_CHARACTERS]
            self._note("too_long", f"Only the first {MAX_CHARACTERS} characters were used.")
        matches = list(_SCAN.finditer(text))
        pieces = [index for index, match in enumerate(matches) if not _is_bracket(match)]
        if len(pieces) > MAX_PARTS:
            matches = matches[: pieces[MAX_PARTS]]
            self._note("too_long", f"Only the first {MAX_PARTS} parts of the query were used.")
        groups = self._sequence(iter(matches), 0, negated=False)
        since, until = self.times.get("since"), self.times.get("until")
        if since and until and since >= until:
            self._note("empty_time", "No time lies between since: and until:.")
        return Query(
            text=text,
            groups=groups,
            atoms=tuple(self.atoms),
            since=since,
            until=until,
            min_likes=self.numbers.get("min_likes", 0),
            min_reposts=self.numbers.get("min_reposts", 0),
            fewer_likes=self.numbers.get("-min_likes"),
            fewer_reposts=self.numbers.get("-min_reposts"),
            notes=tuple(self.notes),
        )

    def _note(self, code: str, text: str) -> None:
        note = Note(code, text)
        if note not in self.notes:
            self.notes.append(note)

    def _sequence(self, matches: Iterator[re.Match[str]], depth: int, *, negated: bool) -> Groups:
        """What stands up to the closing bracket; ``negated`` gives its opposite, in which "all"
        and "either" have changed places."""
        parts: list[Groups] = []
        either = False
        for match in matches:
            if match["close"]:
                if depth:
                    break
                continue
            if match["word"] == "OR" and not match["sign"]:
                either = bool(parts)
                continue
            if match["word"] == "AND" and not match["sign"] and parts:
                continue
            if match["open"]:
                if depth == _MAX_DEPTH:
                    continue
                part = self._sequence(matches, depth + 1, negated=negated != bool(match["sign"]))
            else:
                part = self._read(match, negated)
            if part and either:
                parts[-1] = parts[-1] + part if negated else self._either(parts[-1], part)
            elif part:
                parts.append(part)
            elif either:
                self._note("or", "OR reaches neither times nor numbers: they hold for all.")
            either = False
        if negated and parts:
            return reduce(self._either, parts)
        return tuple(group for part in parts for group in part)

    def _either(self, one: Groups, other: Groups) -> Groups:
        """Groups of which all hold where all of ``one`` or all of ``other`` do."""
        if len(one) * len(other) > _MAX_GROUPS:
            self._note("too_many", "These are too many alternatives: any part of them will do.")
            return (tuple(dict.fromkeys(atom for group in (*one, *other) for atom in group)),)
        return tuple(tuple(dict.fromkeys((*first, *second))) for first in one for second in other)

    def _read(self, match: re.Match[str], negated: bool) -> Groups:
        """One piece as a condition on posts; nothing where it is one on the whole search."""
        signed = negated != bool(match["sign"])
        if match["phrase"] is not None:
            phrase = match["phrase"].strip()
            return self._atom(Part.PHRASE, phrase, signed) if phrase else ()
        if match["name"]:
            quoted = match["quoted"]
            value = quoted if quoted is not None else match["value"]
            return self._operator(match["name"], value.strip(), signed, match.group())
        if match["tag"]:
            return self._atom(Part.TAG, fold(match["tag"]), signed)
        return self._atom(Part.WORD, match["word"], signed)

    def _atom(self, part: Part, value: str, negated: bool) -> Groups:
        atom = Atom(part, value, negated)
        self.atoms.append(atom)
        return ((atom,),)

    def _operator(self, written: str, value: str, negated: bool, whole: str) -> Groups:
        name = _ALIASES.get(written.lower(), written.lower())
        problem = _ELSEWHERE.get(name) if value else None
        if name not in OPERATORS and not problem:
            self._unknown(written.lower(), value)
        elif not value:
            if written.lower() == name:  # "the reason is: " is no operator
                problem = "needs a value right after the colon"
        elif name == "url":
            return self._url(value, negated)
        elif name in _FIELDS:
            clean, problem = _field(Part(name), value)
            if problem is None:
                return self._atom(Part(name), clean, negated)
            if negated and clean in _REPOSTS:
                return ()  # as all posts here are
        elif name in _NUMBERS:
            problem = self._number(name, value, negated)
        elif not problem:
            problem = "cannot be negated" if negated else self._time(name, value)
        if name in OPERATORS and value and problem is None:
            return ()
        if problem:
            self._note(
                "bad_operator", f"{written}:{value}: {problem}. It was searched for as words."
            )
        return self._atom(Part.WORD, whole.removeprefix("-"), negated)

    def _unknown(self, written: str, value: str) -> None:
        close = difflib.get_close_matches(written, OPERATORS, n=1, cutoff=0.75)
        if close and value and not value.startswith("//"):
            self._note(
                "unknown_operator", f"There is no {written}: here. Did you mean {close[0]}:?"
            )

    def _url(self, value: str, negated: bool) -> Groups:
        """An address with a path is looked for as it stands in the text."""
        address = re.sub(r"^[a-z]+://", "", value.lower()).removeprefix("www.").strip("/")
        host = fold_domain(address)
        if host and address == host:
            return self._atom(Part.DOMAIN, host, negated)
        return self._atom(Part.PHRASE, address or value, negated)

    def _number(self, name: str, value: str, negated: bool) -> str | None:
        if not (value.isascii() and value.isdigit()) or len(value) > 9:
            return "needs a whole number"
        self.numbers["-" * negated + name] = int(value)
        return None

    def _time(self, name: str, value: str) -> str | None:
        moment = parse_time(value, self.now)
        if name == "within":
            if moment is None or not is_span(value):
                return "needs a span of time like 7d or 24h"
            self.times["since"] = moment
        elif name == "during":
            end = end_of(value, self.now)
            if moment is None or end is None:
                return "needs a day, a month or a year like 2024-01-31, 2024-01 or 2024"
            self.times |= {"since": moment, "until": end}
        elif moment is None:
            return "needs a time like 2024-01-31, 2024-01-31T18:00Z or 7d"
        else:
            self.times[name] = moment
        return None


def _is_bracket(match: re.Match[str]) -> bool:
    return bool(match["open"] or match["close"])


def _field(part: Part, value: str) -> tuple[str, str | None]:
    """The value as it is compared, and what is wrong with it."""
    clean: dict[Part, Callable[[str], str]] = {
        Part.TAG: lambda value: fold(value.lstrip("#＃")),
        Part.FROM: fold_handle,
        Part.TO: fold_handle,
        Part.MENTIONS: fold_handle,
        Part.LANG: lambda value: base_language(value) or value.lower(),
        Part.HAS: lambda value: _TRAIT.get(value.lower(), value.lower()),
        Part.DOMAIN: fold_domain,
        Part.CHANNEL: fold_channel,
        Part.NETWORK: str.lower,
    }
    value = clean.get(part, str)(value)
    problem = None
    if not value:
        problem = "needs a value right after the colon"
    elif part is Part.HAS and value in _REPOSTS:
        problem = "a repost is no post of its own here"
    elif part is Part.HAS and value not in TRAITS:
        problem = f"knows only {', '.join(TRAITS)}"
    elif part is Part.LANG and not re.fullmatch(r"[a-z]{2,3}", value):
        problem = "needs the code of a language, like en, fr or ja"
    elif part in (Part.FROM, Part.TO) and value == "me":
        problem = "which account is yours is not known here; write its name"
    return value, problem


def fold_handle(handle: str) -> str:
    """A handle as it is compared: without @, case does not count."""
    return handle.strip().lstrip("@").casefold()


def fold_channel(channel: str) -> str:
    """A channel as it is compared: without #, case does not count."""
    return channel.strip().lstrip("#").casefold()
