"""What of a post is learnt from: posts that say something, without what names or locks a person's
things. Pure.

The filters are those of Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020), with limits for texts
of one or two sentences. Scrubbing prefers to take a harmless number away to leaving a person's.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from itertools import pairwise

LEAST_WORDS = 3
LEAST_CHARACTERS = 12
LEAST_LETTERS = 0.5
"""Share of a text's characters, without blanks, that are letters."""
MOST_LINKS = 0.5
"""Share of a text's words that are links, tags and mentions."""
MOST_REPEATED = 0.7
"""Share of a longer text's words that came before in it."""
MOST_PAIR = 0.25
"""Share of a longer text's characters that its commonest pair of words has."""
LONGER = 12
"""Words from which repetition is looked at."""

_RUN = re.compile(r"(\S)\1{9,}")
_THRICE = re.compile(r"(\S)\1\1")
_LINK = ("http://", "https://", "www.", "#", "@")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
)

_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*\.[A-Za-z]{2,}\b")
_MENTION = re.compile(r"(?<![\w@/])@[\w](?:[\w.\-]*\w)?(?:@[\w.\-]+\w)?")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)[-_][\w\-]{16,}|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bxox[baprs]-[\w\-]{10,}|\bAIza[\w\-]{30,}|\bhf_\w{30,}|\beyJ[\w\-]{8,}\.eyJ[\w\-]{8,}\.[\w\-]+"
)
_TOLD = re.compile(
    r"(?i)\b(passw(?:or)?d|passphrase|api[_ \-]?key|secret(?:[_ \-]?key)?|access[_ \-]?token)"
    r"(\s*[:=]\s*|\s+is\s+)(?=\S*\d)\S{6,}"
)
_LONG = re.compile(r"(?<![\w/.\-])[A-Za-z0-9+/_\-]{32,}={0,2}(?![\w/])")
_OF_KEYS = ("_", "-", "IA", "Iz", "eyJ")
"""One of these is in whatever ``_KEY`` matches."""
_OF_TOLD = ("pass", "api", "secret", "token")
"""The same of ``_TOLD``, in ASCII."""
_DIGIT = re.compile(r"\d")
_NUMBERS = re.compile(r"\d(?:[ ().\-/]{0,18}\d){3}")
"""Four digits among nothing but what cards, addresses of 32 bits and phone numbers have between
theirs."""
_CARD = re.compile(r"(?<![\d.])\d(?:[ \-]?\d){12,18}(?![\d.]*\d)")
_IP4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.\-/])(?:\+\d[\d ().\-/]{6,18}\d|00\d[\d ().\-/]{7,18}\d|\(0?\d{2,5}\)[\d ./\-]{5,12}\d"
    r"|0\d{1,4}[ /\-.][\d /\-.]{4,12}\d|\d{3}[-. ]\d{3}[-. ]\d{4})(?![\w\-]*\d)"
)


def reject(text: str) -> str:
    """Why a text is not learnt from, in a word or two; empty where it is."""
    words = text.split()
    letters = sum(map(str.isalpha, text)) if not text.isascii() else _letters(text)
    unspaced = not text.isascii() and _UNSPACED.search(text) is not None
    short = len(text) < LEAST_CHARACTERS or len(words) < LEAST_WORDS
    if letters < LEAST_CHARACTERS // 2 if unspaced else short:
        return "too short"
    if letters < LEAST_LETTERS * (len(text) - len(words) + 1):
        return "few letters"
    if any(mark in text for mark in _LINK) and (
        sum(word.startswith(_LINK) for word in words) > MOST_LINKS * len(words)
    ):
        return "links"
    return "repetition" if _repeats(text) else ""


def _repeats(text: str) -> bool:
    if _THRICE.search(text[::3]) and _RUN.search(text):  # a run of ten has three of every third
        return True
    words = text.lower().split()
    if len(words) < LONGER:
        return False
    pair, count = Counter(pairwise(words)).most_common(1)[0]
    return len(set(words)) < (1 - MOST_REPEATED) * len(words) or (
        count > 2 and count * (len(pair[0]) + len(pair[1])) > MOST_PAIR * len(text)
    )


_NOT_LETTERS = str.maketrans("", "", "".join(chr(n) for n in range(128) if not chr(n).isalpha()))


def _letters(text: str) -> int:
    return len(text.translate(_NOT_LETTERS))


def scrub(text: str) -> str:
    """The text without e-mail addresses, phone and card numbers, IP addresses, keys and handles.

    Each rule is tried only where a look that costs nothing shows that it might find something.
    """
    if "-----BEGIN" in text:
        text = _PEM.sub("[key]", text)
    has_digit = _DIGIT.search(text) is not None
    if len(text) > 16:
        if any(part in text for part in _OF_KEYS):
            text = _KEY.sub("[key]", text)
        if has_digit and (not text.isascii() or any(part in text.lower() for part in _OF_TOLD)):
            text = _TOLD.sub(r"\1\2[key]", text)
        if len(text) >= 32:
            text = _LONG.sub(_if_key, text)
    if "@" in text:
        text = _MENTION.sub("@user", _EMAIL.sub("[email]", text))
    if has_digit and _DIGIT.search(text):
        numbered = _NUMBERS.search(text) is not None
        if numbered:
            text = _IP4.sub(_if_address, _CARD.sub(_if_card, text))
        if text.count(":") > 1:
            text = _IP6.sub(_if_address, text)
        if numbered:
            text = _PHONE.sub(_if_phone, text)
    return text


def _if_key(match: re.Match[str]) -> str:
    """A long word of letters and digits mixed; a long word alone is none."""
    word = match[0]
    digits = sum(map(str.isdigit, word))
    mixed = digits >= 4 and (word.lower() != word or digits >= len(word) // 6)
    return "[key]" if mixed and word.count("-") < 6 and word.count("_") < 6 else word


def _if_card(match: re.Match[str]) -> str:
    return "[card]" if luhn([int(digit) for digit in match[0] if digit.isdigit()]) else match[0]


def luhn(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _if_address(match: re.Match[str]) -> str:
    """Addresses of one's own machine or house are everybody's: manuals are full of them."""
    try:
        return "[ip]" if ipaddress.ip_address(match[0]).is_global else match[0]
    except ValueError:
        return match[0]


def _if_phone(match: re.Match[str]) -> str:
    return "[phone]" if 8 <= sum(map(str.isdigit, match[0])) <= 16 else match[0]
