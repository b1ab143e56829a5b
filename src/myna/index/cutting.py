"""What a word is, script by script: the patterns that texts are cut into words by. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # Han
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
)
_NATIONAL = "\U0001f1e6-\U0001f1ff"
_PICTURE = (
    "\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25b6\u25c0\u2600-\u27bf\u2b50\u2b55"
    f"{_NATIONAL}\U0001f300-\U0001faff"
)
_TONES = "\U0001f3fb-\U0001f3ff"
_CHANGES = rf"[\ufe0e\ufe0f{_TONES}]*+"
"""What may stand behind a picture: how it is drawn, a skin tone."""
_EMOJI = (
    rf"[{_NATIONAL}]{{2}}|[0-9#*]\ufe0f?\u20e3"
    rf"|[{_PICTURE}]{_CHANGES}[\U000e0020-\U000e007f]*+(?:\u200d[{_PICTURE}]{_CHANGES})*+"
)
_JOINED = (
    "\u00ad\u200d\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u0670\u06d6-\u06dc\u06df-\u06ed\u0900-\u0963\u0970-\u0dff"
)
"""Marks that stand within words but that ``\\w`` does not know (accents, Hebrew, Arabic, Indic)."""
_LETTER = rf"(?:[^\W_{_UNSPACED}]++|[{_JOINED}]++)++"
WORD = re.compile(
    rf"(?P<word>(?<![#＃]){_LETTER}(?:['’ʼ]{_LETTER})*(?![+#\ufe0f\u20e3]))"
    rf"|(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<emoji>{_EMOJI})"
    r"|(?P<code>\b[A-Za-z](?:\+\+|#)(?!\w))"
    rf"|(?P<tag>(?<=[#＃]){_LETTER})"
    rf"|(?P<other>{_LETTER}(?:['’ʼ]{_LETTER})*)"
)
_ODD = f"{_UNSPACED}{_PICTURE}#＃+\ufe0f\u20e3"
"""What only such pieces have in which there is more than words."""
_has_odd = re.compile(f"[{_ODD}]").search
_ODD_PIECE = re.compile(rf"(?<!\S)[^\s{_ODD}]*+[{_ODD}]\S*")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*")
_MERE_WORD = re.compile(rf"{_LETTER}(?:['’ʼ]{_LETTER})*")
TAG = rf"[\w{_JOINED}][\w{_JOINED}'’\-]*"
"""Pattern of a hashtag behind its #."""
TAGS = re.compile(rf"(?<![\w&/#＃])[#＃]({TAG})")
"""Hashtags of a text."""
_DRAWING = re.compile(f"[\ufe0e\ufe0f{_TONES}]")
APOSTROPHE = re.compile("['’ʼ]")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def plain_words(text: str) -> list[str] | None:
    """The words of a text of ASCII in which ``WORD`` finds nothing else, as most posts are; None for
    any other text."""
    if text.isascii() and "#" not in text and "+" not in text:
        return _ASCII_WORD.findall(text)
    return None


def mere_word(text: str) -> re.Pattern[str]:
    """What finds the same as ``WORD`` in the text outside its ``odd_pieces``, in a fraction of
    the time."""
    return _ASCII_WORD if text.isascii() else _MERE_WORD


def odd_pieces(text: str) -> list[tuple[int, int]]:
    """Spans, from one white space to the next, in which ``WORD`` may find more than words: tags,
    emoji, scripts without spaces. Most posts have none."""
    plain = "#" not in text and "+" not in text if text.isascii() else not _has_odd(text)
    return [] if plain else [match.span() for match in _ODD_PIECE.finditer(text)]


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script without spaces: a character or a pair of them."""
    return _IS_UNSPACED.match(term) is not None


@lru_cache(maxsize=10_000)
def pictures(emoji: str) -> tuple[str, ...]:
    """The terms of an emoji: the pictures that it is joined of, however they are drawn."""
    parts = [_DRAWING.sub("", part) or part for part in emoji.split("\u200d")]
    return tuple(part for at, part in enumerate(parts) if at == 0 or part not in "♀♂")


def capitals(tag: str) -> list[tuple[int, int]]:
    """Spans of the words of a hashtag like UbuntuLTSRelease; none where it is a single word."""
    if tag.islower() or tag.isupper():
        return []
    cuts = [
        at
        for at in range(1, len(tag))
        if tag[at].isupper()
        and (not tag[at - 1].isupper() or (at + 1 < len(tag) and tag[at + 1].islower()))
    ]
    return list(pairwise((0, *cuts, len(tag)))) if cuts else []
