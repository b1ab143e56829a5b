"""Words: what a post and a question are compared by. Pure; the same code makes the terms of the
index, of queries, of highlights and of the answer's alignment, so that they always agree.

A text is cut into words (with their offsets), each is folded (case, accents, apostrophes) and
stemmed in the text's language. Runs of scripts without spaces become pairs of characters, emoji
are words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import tantivy

from myna.index.stopwords import STOP_WORDS

VERSION = 1
"""Of the analysis: an index made with another version is rebuilt."""

MAX_TERM_CHARACTERS = 64
_CACHE_WORDS = 100_000
_STEMMERS = {
    lang: tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.stemmer(name))
    .build()
    for lang, name in {"en": "english", "fr": "french"}.items()
}
LANGUAGES = tuple(_STEMMERS)
"""Languages with a stemmer; a text in another one keeps its words as they are."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # Han
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
)
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff"
_JOINED = "\u0300-\u036f\u0591-\u05c7\u064b-\u0670\u0900-\u0963\u0970-\u0dff"
"""Marks that stand within words but that ``\\w`` does not know (accents, Hebrew, Arabic, Indic)."""
_LETTER = rf"(?:[^\W_{_UNSPACED}]++|[{_JOINED}]++)++"
_WORD = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<emoji>[{_EMOJI}])"
    r"|(?P<code>\b[A-Za-z](?:\+\+|#)(?!\w))"
    rf"|(?P<word>{_LETTER}(?:['’ʼ]{_LETTER})*)"
)
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'(?=[^\W\d_]{2})")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "’": "'", "ʼ": "'"}
)
_MARKS = re.compile("[\u0300-\u036f]+")


class Token(NamedTuple):
    """A word of a text: ``text[start:end]``, folded and stemmed as ``term``."""

    start: int
    end: int
    term: str
    word: str
    """Folded, not stemmed: what stop words and the terms of other languages are found by."""


def fold(word: str) -> str:
    """One word without case, accents, possessive s, elided article and apostrophes."""
    if word.isascii() and word.isalnum():
        return word.lower()[:MAX_TERM_CHARACTERS]
    folded = unicodedata.normalize("NFKD", word).casefold().translate(_LETTERS)
    folded = unicodedata.normalize("NFC", _MARKS.sub("", folded))
    if "'" in folded:
        folded = _ELISION.sub("", folded).removesuffix("'s").replace("'", "")
    return folded[:MAX_TERM_CHARACTERS]


class _Terms(dict[str, tuple[str, str]]):
    """Word as written → (folded, stemmed in one language). A dictionary, because it is the hot
    loop of indexing: a known word costs one look-up."""

    def __init__(self, lang: str) -> None:
        super().__init__()
        self._stemmer = _STEMMERS.get(lang)

    def __missing__(self, word: str) -> tuple[str, str]:
        if len(self) >= _CACHE_WORDS:
            self.clear()
        folded = "".join(fold(word).split())
        stemmed = self._stemmer.analyze(folded) if self._stemmer and folded else None
        pair = (folded, stemmed[0] if stemmed else folded)
        self[word] = pair
        return pair


_terms: dict[str, _Terms] = {lang: _Terms(lang) for lang in (*LANGUAGES, "")}


def language_of(text: str, lang: str | None = None) -> str:
    """The language to stem in: the network's word for it, else English or French by the stop
    words that the text has. "" for a language without a stemmer."""
    if lang:
        base = lang.partition("-")[0].lower()
        return base if base in _STEMMERS else ""
    words = text[:400].lower().replace("'", " ").replace("’", " ").split()
    french = sum(word in STOP_WORDS["fr"] for word in words)
    return "fr" if french > sum(word in STOP_WORDS["en"] for word in words) else "en"


def _pairs(text: str, start: int) -> Iterator[Token]:
    """Overlapping pairs of characters, then the last character: any character begins a term, so
    that a query of one character is a prefix."""
    folded = unicodedata.normalize("NFKC", text)
    if len(folded) != len(text):  # offsets would not hold
        folded = text
    for place in range(len(folded)):
        pair = folded[place : place + 2]
        yield Token(start + place, start + place + len(pair), pair, pair)


def tokenize(text: str, lang: str | None = None) -> list[Token]:
    """The words of a text in order, with offsets in code points."""
    terms = _terms[language_of(text, lang)]
    tokens: list[Token] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        if match.lastgroup == "unspaced":
            tokens.extend(_pairs(match.group(), start))
            continue
        word, term = terms[match.group()]
        if term:
            tokens.append(Token(start, end, term, word))
    return tokens


def find(
    text: str, lang: str | None, places: Mapping[str, int], typos: Callable[[str], int | None]
) -> tuple[int, list[tuple[int, int, Token]]]:
    """How many words a text has, and those that ``places`` knows by term or word, each as
    (index of the word, place, token). ``typos`` is asked about the others.

    The same as going through ``tokenize``, at a third of its time: a search does this to
    thousands of words, few of which are wanted.
    """
    terms = _terms[language_of(text, lang)]
    found: list[tuple[int, int, Token]] = []
    index = 0
    for match in _WORD.finditer(text):
        if match.lastgroup == "unspaced":
            for token in _pairs(match.group(), match.start()):
                if (place := places.get(token.term)) is not None:
                    found.append((index, place, token))
                index += 1
            continue
        word, term = terms[match.group()]
        if not term:
            continue
        place = places.get(term)
        if place is None and (place := places.get(word)) is None:
            place = typos(word)
        if place is not None:
            found.append((index, place, Token(match.start(), match.end(), term, word)))
        index += 1
    return index, found


def query_tokens(text: str) -> list[Token]:
    """The words to look for: of a run without spaces only its pairs, where it has one. (A post's
    run ends in a single character, but what is looked for may stand in its middle.)"""
    tokens = tokenize(text)
    ends = {token.end for token in tokens if token.end - token.start == 2}
    return [token for token in tokens if token.end - token.start != 1 or token.end not in ends]


def index_text(text: str, lang: str | None = None) -> str:
    """The terms of a text in order, with a space between them: what the text index reads."""
    terms = _terms[language_of(text, lang)]
    parts: list[str] = []
    for match in _WORD.finditer(text):
        if match.lastgroup == "unspaced":
            parts.extend(token.term for token in _pairs(match.group(), 0))
        else:
            parts.append(terms[match.group()][1])
    return " ".join(parts)


def variants(word: str) -> tuple[str, ...]:
    """The terms that a folded word may have become in posts of any language, likeliest first."""
    return tuple(dict.fromkeys(_terms[lang][word][1] for lang in (*LANGUAGES, "")))


def readings(tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    """The terms of a run of words as posts of one language or another have them."""
    return list(
        dict.fromkeys(
            tuple(_terms[lang][token.word][1] for token in tokens) for lang in (*LANGUAGES, "")
        )
    )


def is_stop_word(word: str, lang: str) -> bool:
    """Whether a folded word says nothing by itself in a language."""
    return word in STOP_WORDS.get(lang, STOP_WORDS["en"])


def content_tokens(text: str, lang: str | None = None) -> list[Token]:
    """The words of a text that say something: stop words are left out."""
    lang = language_of(text, lang)
    stop = STOP_WORDS.get(lang, frozenset())
    return [token for token in tokenize(text, lang or "und") if token.word not in stop]


def content_terms(text: str, lang: str | None = None) -> list[str]:
    """Folded and stemmed words of a text in order, stop words (English, French) left out."""
    return [token.term for token in content_tokens(text, lang)]


def merge_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted spans, those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
