"""The query language: that of X and Bluesky search. Pure, and never raises: what cannot be used as
an operator is explained in a note and becomes words.

    mount iso  "disk is full"  -windows  ubuntu OR debian  #hoary  from:ann -from:bob  to:ann
    mentions:ann  since:2024-01-31  until:2024-02-01T12:00Z  since:7d  within:24h  lang:fr
    has:links  domain:ubuntu.com  channel:#ubuntu  thread:URI  network:irc  min_likes:5

All parts must hold; ``OR`` between two parts asks for either. Times are UTC; ``since`` includes
its moment, ``until`` does not. Parentheses around alternatives are understood by leaving them out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from myna.index.terms import fold

MAX_CHARACTERS = 2_000
MAX_PARTS = 64


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
    since: datetime | None = None
    until: datetime | None = None
    min_likes: int = 0
    min_reposts: int = 0
    notes: tuple[Note, ...] = ()

    @property
    def wording(self) -> str:
        """What was said rather than asked of fields: words, phrases and tags in order, those that
        must not occur among them left out."""
        return " ".join(
            atom.value
            for group in self.groups
            for atom in group
            if atom.part in SAID and not atom.negated
        )


SAID = frozenset({Part.WORD, Part.PHRASE, Part.TAG})
"""Parts that are looked for in the text itself."""

_ALIASES = {
    "by": "from",
    "author": "from",
    "filter": "has",
    "url": "domain",
    "site": "domain",
    "in": "channel",
    "conversation_id": "thread",
    "before": "until",
    "after": "since",
    "min_faves": "min_likes",
    "min_retweets": "min_reposts",
}
_FIELDS = frozenset(Part) - SAID
_NUMBERS = ("min_likes", "min_reposts")
_TIMES = ("since", "until", "within")
OPERATORS = (*sorted(_FIELDS), *_TIMES, *_NUMBERS)
"""Names that may stand before a colon."""
_HAS = ("links", "media")

_SCAN = re.compile(
    r"""(?P<sign>-?)(?:
        [\"“”„](?P<phrase>[^\"“”]*)[\"“”]?
      | (?P<name>[A-Za-z_]{2,20}):(?:\"(?P<quoted>[^\"]*)\"?|(?P<value>[^\s()\"]*))
      | \#(?P<tag>\w[\w'’\-]*)
      | (?P<word>[^\s()\"“”„]+)
    )""",
    re.VERBOSE,
)
_RELATIVE = re.compile(r"(\d{1,6})(s|min|m|h|d|w|mo|y)")
_UNIT = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "mo": timedelta(days=30),
    "y": timedelta(days=365),
}


def parse(text: str, *, now: datetime | None = None) -> Query:
    """Read what a person typed. ``now`` (aware) is what relative times count from."""
    return _Parser(text, now or datetime.now(UTC)).query()


@dataclass
class _Parser:
    text: str
    now: datetime
    groups: list[list[Atom]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    either: bool = False
    """Whether the next atom is an alternative to the last group."""

    def query(self) -> Query:
        text = self.text
        if len(text) > MAX_CHARACTERS:
            text = text[:MAX_CHARACTERS]
            self._note("too_long", f"Only the first {MAX_CHARACTERS} characters were used.")
        for count, match in enumerate(_SCAN.finditer(text)):
            if count == MAX_PARTS:
                self._note("too_long", f"Only the first {MAX_PARTS} parts of the query were used.")
                break
            self._read(match)
        since, until = self.times.get("since"), self.times.get("until")
        if since and until and since >= until:
            self._note("empty_time", "No time lies between since: and until:.")
        return Query(
            text=text,
            groups=tuple(tuple(group) for group in self.groups),
            since=since,
            until=until,
            min_likes=self.numbers.get("min_likes", 0),
            min_reposts=self.numbers.get("min_reposts", 0),
            notes=tuple(self.notes),
        )

    def _note(self, code: str, text: str) -> None:
        self.notes.append(Note(code, text))

    def _add(self, part: Part, value: str, negated: bool) -> None:
        atom = Atom(part, value, negated)
        if self.either and self.groups:
            self.groups[-1].append(atom)
        else:
            self.groups.append([atom])
        self.either = False

    def _read(self, match: re.Match[str]) -> None:
        negated = bool(match["sign"])
        if match["phrase"] is not None:
            if match["phrase"].strip():
                self._add(Part.PHRASE, match["phrase"].strip(), negated)
        elif match["name"]:
            quoted = match["quoted"]
            value = quoted if quoted is not None else match["value"]
            self._operator(match["name"], value.strip(), negated, match.group())
        elif match["tag"]:
            self._add(Part.TAG, fold(match["tag"]), negated)
        elif match["word"] == "OR" and not negated:
            self.either = bool(self.groups)
        elif match["word"] == "AND" and not negated and self.groups:
            pass
        else:
            self._add(Part.WORD, match["word"], negated)

    def _operator(self, written: str, value: str, negated: bool, whole: str) -> None:
        name = _ALIASES.get(written.lower(), written.lower())
        problem = None
        if name not in OPERATORS:
            self._unknown(written.lower(), value)
            self._add(Part.WORD, whole.removeprefix("-"), negated)
            return
        if not value:
            problem = "needs a value right after the colon"
        elif name in _FIELDS:
            problem = self._field(Part(name), value, negated)
        elif negated:
            problem = "cannot be negated"
        elif name in _NUMBERS:
            problem = self._number(name, value)
        else:
            problem = self._time(name, value)
        if problem:
            self._note(
                "bad_operator", f"{written}:{value} {problem}, so it was searched for as words."
            )
            self._add(Part.WORD, whole.removeprefix("-"), negated)

    def _unknown(self, written: str, value: str) -> None:
        close = difflib.get_close_matches(written, OPERATORS, n=1, cutoff=0.75)
        if close and value and not value.startswith("//"):
            self._note(
                "unknown_operator", f"There is no {written}: here. Did you mean {close[0]}:?"
            )

    def _field(self, part: Part, value: str, negated: bool) -> str | None:
        clean: dict[Part, Callable[[str], str]] = {
            Part.FROM: fold_handle,
            Part.TO: fold_handle,
            Part.MENTIONS: fold_handle,
            Part.LANG: lambda value: value.partition("-")[0].lower(),
            Part.HAS: str.lower,
            Part.DOMAIN: fold_domain,
            Part.CHANNEL: fold_channel,
            Part.NETWORK: str.lower,
        }
        value = clean.get(part, str)(value)
        if not value:
            return "needs a value right after the colon"
        if part is Part.HAS and value not in _HAS:
            return f"knows only {' and '.join(_HAS)}"
        self._add(part, value, negated)
        return None

    def _number(self, name: str, value: str) -> str | None:
        if not (value.isascii() and value.isdigit()) or len(value) > 9:
            return "needs a whole number"
        self.numbers[name] = int(value)
        return None

    def _time(self, name: str, value: str) -> str | None:
        moment = parse_time(value, self.now)
        if moment is None or (name == "within" and not _RELATIVE.fullmatch(value.lower())):
            example = "7d or 24h" if name == "within" else "2024-01-31, 2024-01-31T18:00Z or 7d"
            return f"needs a time like {example}"
        self.times["since" if name == "within" else name] = moment
        return None


def parse_time(value: str, now: datetime) -> datetime | None:
    """A date (midnight UTC; a year or a month begins with its first day), an ISO time (UTC where no zone is given) or a span before ``now``."""
    relative = _RELATIVE.fullmatch(value.lower())
    try:
        if relative:
            return now - int(relative[1]) * _UNIT[relative[2]]
        if re.fullmatch(r"\d{4}(-\d\d)?", value, re.ASCII):
            value += "-01-01" if len(value) == 4 else "-01"
        if not re.match(r"\d{4}-\d\d-\d\d", value):
            return None
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def fold_handle(handle: str) -> str:
    """A handle as it is compared: without @, case does not count."""
    return handle.strip().lstrip("@").casefold()


def fold_channel(channel: str) -> str:
    """A channel as it is compared: without #, case does not count."""
    return channel.strip().lstrip("#").casefold()


def fold_domain(address: str) -> str:
    """The host of an address or domain, without www."""
    host = re.sub(r"^[a-z]+://", "", address.strip().lower())
    return re.split(r"[/:?#]", host, maxsplit=1)[0].removeprefix("www.").strip(".")
