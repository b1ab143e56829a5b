"""Folding: how a word is written does not count. Case, accents, vowel points, width, alef forms and
the like are taken off, so that people find a word however they type it. Pure."""

from __future__ import annotations

import re
import unicodedata
from importlib import resources

MAX_TERM_CHARACTERS = 64

_ELISION = re.compile(
    r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|(?:d|n|s)?[eau]ll|un|quest|quell|anch)'"
    r"(?=[^\W\d_]{2})"
)
"""French and Italian words that lean on the next one."""
_ALIKE = {
    **{"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "’": "'", "ʼ": "'"},
    # Arabic script: alef forms and final yeh as many people type them; Persian and Urdu letters as
    # Arabic ones; the stretching line. The stemmer sees to the final teh.
    **{"ٱ": "ا", "ى": "ي", "ک": "ك", "ی": "ي", "ہ": "ه", "ھ": "ه", "ە": "ه", "ـ": ""},
    **{"ँ": "ं", "\u093c": "", "\u0a3c": ""},  # Devanagari nasal sign; nukta
    **{"\u00ad": "", "\u200d": ""},  # soft hyphen, joiner
}
_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66)
"""Where the digits of other scripts begin."""
_LETTERS = str.maketrans(
    _ALIKE | {chr(zero + digit): str(digit) for zero in _ZEROS for digit in range(10)}
)
_MARKS = re.compile(
    "[\u0300-\u0305\u0307\u0309-\u036f]"  # accents
    "|(?<![иу])\u0306|(?<!і)\u0308"  # й, ў and ї are letters; ё is written as е
    "|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"  # Hebrew points
    "|[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06ed]"  # Arabic vowels and hamza
)
_KANA = {chr(kana): chr(kana - 0x60) for kana in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
"""Katakana → hiragana."""
_TRADITIONAL, _SIMPLIFIED = (
    resources.files("myna.index").joinpath("simplified.txt").read_text("utf-8").split()
)
_CHARACTERS = str.maketrans(
    _KANA | dict(zip(_TRADITIONAL, _SIMPLIFIED, strict=True))  # whence they are is in NOTICE
)
_HALF_WIDTH = re.compile("[\uff66-\uff9f]+")
_COMPOSED = re.compile(
    "[\u1100-\u11ff]+|.[\u3099\u309a]+|[\uff66-\uff9f][\uff9e\uff9f]?|.", re.DOTALL
)


def fold(word: str) -> str:
    """One word without case, accents, possessive s, elided article and apostrophes."""
    if word.isascii() and word.isalnum():
        return word.lower()[:MAX_TERM_CHARACTERS]
    folded = unicodedata.normalize("NFKD", word).casefold().translate(_LETTERS)
    folded = unicodedata.normalize("NFC", _MARKS.sub("", folded)).translate(_CHARACTERS)
    if "'" in folded:
        folded = _ELISION.sub("", folded).removesuffix("'s").replace("'", "")
    return folded[:MAX_TERM_CHARACTERS]


def fold_characters(run: str) -> tuple[str, list[int] | None]:
    """A run of a script without spaces, folded character by character: composed, half-width kana
    made full, katakana as hiragana, Chinese simplified. The list says where in ``run`` each character begins, and then
    where it ends; None where they stand at the same places."""
    folded = unicodedata.normalize("NFC", run)
    if len(folded) == len(run) and not _HALF_WIDTH.search(folded):
        return folded.translate(_CHARACTERS), None
    parts: list[str] = []
    starts: list[int] = []
    for match in _COMPOSED.finditer(run):
        part = unicodedata.normalize("NFC", match.group())
        if _HALF_WIDTH.match(part):
            part = unicodedata.normalize("NFKC", part)
        parts.append(part)
        # Several syllables may stand in one piece of single jamo: each gets its share of it.
        width = match.end() - match.start()
        starts.extend(match.start() + width * at // len(part) for at in range(len(part)))
    return "".join(parts).translate(_CHARACTERS), [*starts, len(run)]
