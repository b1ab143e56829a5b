"""Moments as people type them into a search. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

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
_OF_X = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d:\d\d(?::\d\d)?)(?:_(?:utc|gmt))?", re.IGNORECASE)
_SECONDS = re.compile(r"\d{9,11}", re.ASCII)


def parse_time(value: str, now: datetime) -> datetime | None:
    """A date (midnight UTC; a year or a month begins with its first day), an ISO time (UTC where
    no zone is given), X's form of it, seconds since 1970, today, yesterday, or a span before
    ``now``."""
    lower = value.lower()
    relative = _RELATIVE.fullmatch(lower)
    try:
        if relative:
            return now - int(relative[1]) * _UNIT[relative[2]]
        if lower in ("today", "yesterday"):
            midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - timedelta(days=lower == "yesterday")
        if _SECONDS.fullmatch(value):
            return datetime.fromtimestamp(int(value), UTC)
        if re.fullmatch(r"\d{4}(-\d\d)?", value, re.ASCII):
            value += "-01-01" if len(value) == 4 else "-01"
        elif of_x := _OF_X.fullmatch(value):
            value = f"{of_x[1]}T{of_x[2]}"
        if not re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return None
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def end_of(value: str, now: datetime) -> datetime | None:
    """The first moment after a day, a month or a year."""
    begin = parse_time(value, now)
    if begin is None:
        return None
    try:
        if re.fullmatch(r"\d{4}", value):
            return begin.replace(year=begin.year + 1)
        if re.fullmatch(r"\d{4}-\d\d", value):
            return (begin + timedelta(days=31)).replace(day=1)
        if re.fullmatch(r"\d{4}-\d\d-\d\d|today|yesterday", value.lower()):
            return begin + timedelta(days=1)
    except (ValueError, OverflowError):
        pass
    return None


def is_span(value: str) -> bool:
    """Whether this is a stretch of time, like 7d, rather than a moment."""
    return bool(_RELATIVE.fullmatch(value.lower()))
