"""Words: what a post and a question are compared by. Pure; the same code makes the terms of the
index, of queries, of highlights and of the answer's alignment, so that they always agree.

A text is cut into words (with their offsets), each is folded (``folding``) and stemmed in the text's
language (``language``). Runs of scripts without spaces become pairs of characters, emoji are words
of their own, without skin tone and gender; a hashtag is one word and, where capitals show them, the
words that it is made of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import add
from typing import NamedTuple

import tantivy

from myna.index.folding import fold, fold_characters
from myna.index.language import language, script_of
from myna.index.stopwords import STOP_WORDS

__all__ = ["LANGUAGES", "VERSION", "Token", "fold"]

VERSION = 3
"""Of the analysis: an index made with another version is rebuilt."""

_CACHE_WORDS = 100_000
_SCRIPT_CHARACTERS = 200
_STEMMERS = {
    lang: tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.stemmer(name))
    .build()
    for lang, name in {
        "en": "english",
        "fr": "french",
        "de": "german",
        "es": "spanish",
        "pt": "portuguese",
        "it": "italian",
        "nl": "dutch",
        "sv": "swedish",
        "da": "danish",
        "no": "norwegian",
        "fi": "finnish",
        "hu": "hungarian",
        "ro": "romanian",
        "tr": "turkish",
        "ru": "russian",
        "el": "greek",
        "ar": "arabic",
        "ta": "tamil",
    }.items()
}
LANGUAGES = tuple(_STEMMERS)
"""Languages with a stemmer; a text in another one keeps its words as they are."""
ALL_LANGUAGES = (*LANGUAGES, "")
"""And none, as for words of all the others."""
_OF_SCRIPT = {"latin": "en", "cyrillic": "ru", "el": "el", "arabic": "ar", "ta": "ta"}
"""What to stem in where a text is too short to tell its language."""

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
_WORD = re.compile(
    rf"(?P<word>(?<![#＃]){_LETTER}(?:['’ʼ]{_LETTER})*(?![+#\ufe0f\u20e3]))"
    rf"|(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<emoji>{_EMOJI})"
    r"|(?P<code>\b[A-Za-z](?:\+\+|#)(?!\w))"
    rf"|(?P<tag>(?<=[#＃]){_LETTER})"
    rf"|(?P<other>{_LETTER}(?:['’ʼ]{_LETTER})*)"
)
_MORE_THAN_WORDS = re.compile(rf"[{_UNSPACED}{_PICTURE}#＃+\ufe0f\u20e3]")
"""In a text without any of these ``_WORD`` finds words alone."""
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*")
_MERE_WORD = re.compile(rf"{_LETTER}(?:['’ʼ]{_LETTER})*")
TAG = rf"[\w{_JOINED}][\w{_JOINED}'’\-]*"
"""Pattern of a hashtag behind its #."""
TAGS = re.compile(rf"(?<![\w&/#＃])[#＃]({TAG})")
"""Hashtags of a text."""
_DRAWING = re.compile(f"[\ufe0e\ufe0f{_TONES}]")
_APOSTROPHE = re.compile("['’ʼ]")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


class Token(NamedTuple):
    """A word of a text: ``text[start:end]``, folded and stemmed as ``term``."""

    start: int
    end: int
    term: str
    word: str
    """Folded, not stemmed: what stop words and the terms of other languages are found by."""


class _Terms(dict[str, tuple[str, str]]):
    """Word as written → (folded, stemmed in one language). A dictionary, because it is the hot
    loop of indexing: a known word costs one look-up."""

    def __init__(self, lang: str) -> None:
        super().__init__()
        self._stemmer = _STEMMERS.get(lang)
        self._cuts_endings = lang == "tr"  # "Ankara'da": in Ankara

    def __missing__(self, word: str) -> tuple[str, str]:
        if len(self) >= _CACHE_WORDS:
            self.clear()
        written = _APOSTROPHE.split(word)[0] if self._cuts_endings else word
        folded = "".join(fold(written).split())
        stems = self._stemmer.analyze(folded) if self._stemmer and folded else []
        pair = (folded, "".join(stems) or folded)  # some words are all ending
        self[word] = pair
        return pair


_terms: dict[str, _Terms] = {lang: _Terms(lang) for lang in ALL_LANGUAGES}


def stem_in(text: str, lang: str | None) -> str:
    """The language to stem a text in, given the one that it is in, if that is known; else the
    usual one of its script. "" for a language without a stemmer."""
    if lang is None:
        script = "latin" if text.isascii() else script_of(text[:_SCRIPT_CHARACTERS])
        lang = _OF_SCRIPT.get(script or "latin", "")
    return lang if lang in _STEMMERS else ""


def language_of(text: str, lang: str | None = None) -> str:
    """The language to stem in: the network's word for it, else what the text shows. "" for a
    language without a stemmer."""
    return stem_in(text, language(text, lang))


def _pairs(text: str, start: int) -> Iterator[Token]:
    """Overlapping pairs of characters, then the last character: any character begins a term, so
    that a query of one character is a prefix."""
    folded, places = fold_characters(text)
    last = len(folded) - 1
    for at in range(last + 1):
        pair = folded[at : at + 2]
        end = min(at + 2, last + 1)
        if places is not None:
            yield Token(start + places[at], start + places[end], pair, pair)
        else:
            yield Token(start + at, start + end, pair, pair)


@lru_cache(maxsize=10_000)
def _pictures(emoji: str) -> tuple[str, ...]:
    """The terms of an emoji: the pictures that it is joined of, however they are drawn."""
    parts = [_DRAWING.sub("", part) or part for part in emoji.split("\u200d")]
    return tuple(part for at, part in enumerate(parts) if at == 0 or part not in "♀♂")


def _capitals(tag: str) -> list[tuple[int, int]]:
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


def _cut(text: str, terms: _Terms, match: re.Match[str]) -> Iterator[Token]:
    """The words of anything that is not just a word."""
    start, end = match.span()
    group = match.lastgroup
    if group == "unspaced":
        yield from _pairs(match.group(), start)
    elif group == "emoji":
        for term in _pictures(match.group()):
            yield Token(start, end, term, term)
    else:
        word, term = terms[match.group()]
        if term:
            yield Token(start, end, term, word)
        for left, right in _capitals(match.group()) if group == "tag" else ():
            word, term = terms[text[start + left : start + right]]
            if term:
                yield Token(start + left, start + right, term, word)


def tokenize(text: str, lang: str | None = None) -> list[Token]:
    """The words of a text in order, with offsets in code points."""
    return _tokens(text, language_of(text, lang))


def _tokens(text: str, stem: str) -> list[Token]:
    terms = _terms[stem]
    tokens: list[Token] = []
    for match in _WORD.finditer(text):
        if match.lastgroup == "word":
            word, term = terms[match.group()]
            if term:
                tokens.append(Token(match.start(), match.end(), term, word))
        else:
            tokens.extend(_cut(text, terms, match))
    return tokens


_NO_WORD = -1


def find(
    text: str,
    lang: str | None,
    places: Mapping[str, int],
    typos: Callable[[str], int | None],
    seen: dict[str, dict[str, int | None]],
) -> tuple[int, list[tuple[int, int, Token]]]:
    """How many words a text has, and those that ``places`` knows by term or word, each as
    (index of the word, place, token). ``typos`` is asked about the others. A single character of
    a script without spaces is found at the head of its pair.

    The same as going through ``tokenize``, at a fifth of its time: a search does this to
    thousands of words, few of which are wanted. ``seen`` remembers what became of a word, by
    language, from one text to the next; it belongs to ``places`` and ``typos``.
    """
    stem = language_of(text, lang)
    terms = _terms[stem]
    known = seen.setdefault(stem, {})
    found: list[tuple[int, int, Token]] = []
    index = 0
    for match in _WORD.finditer(text):
        group = match.lastgroup
        if group != "word":
            for token in _cut(text, terms, match):
                place = places.get(token.term)
                if place is None:
                    place = places.get(token.word)
                if place is None and group == "unspaced":
                    place = places.get(token.term[0])
                    if place is not None and token.end - token.start == 2:
                        token = token._replace(end=token.start + 1)  # noqa: PLW2901
                if place is not None:
                    found.append((index, place, token))
                index += 1
            continue
        written = match.group()
        try:
            place = known[written]
        except KeyError:
            place = known[written] = _place(terms[written], places, typos)
        if place is not None:
            if place == _NO_WORD:
                continue
            word, term = terms[written]
            found.append((index, place, Token(match.start(), match.end(), term, word)))
        index += 1
    return index, found


def _place(
    pair: tuple[str, str], places: Mapping[str, int], typos: Callable[[str], int | None]
) -> int | None:
    word, term = pair
    if not term:
        return _NO_WORD
    place = places.get(term)
    if place is None and (place := places.get(word)) is None:
        place = typos(word)
    return place


def query_tokens(text: str) -> list[Token]:
    """The words to look for: of a run without spaces only its pairs, where it has one. (A post's
    run ends in a single character, but what is looked for may stand in its middle.)"""
    tokens = tokenize(text)
    return [
        token
        for before, token in pairwise((None, *tokens))
        if token is not None and not _ends_run(before, token)
    ]


def phrase_tokens(text: str) -> list[Token]:
    """The words of a phrase: like ``query_tokens``, but a run that is not the last one ends in the
    phrase where it ends in the post, in a single character."""
    tokens = tokenize(text)
    if len(tokens) > 1 and _ends_run(tokens[-2], tokens[-1]):
        tokens.pop()
    return tokens


def _ends_run(before: Token | None, token: Token) -> bool:
    """Whether a token is the last character of a run, after the pair that has it too."""
    return (
        before is not None
        and len(token.term) == 1
        and len(before.term) == 2
        and before.end == token.end
        and is_unspaced(token.term)
    )


def _mere_word(text: str) -> re.Pattern[str] | None:
    """What finds the same as ``_WORD`` in a text that has words alone; None for any other text."""
    if text.isascii():
        return None if "#" in text or "+" in text else _ASCII_WORD
    return None if _MORE_THAN_WORDS.search(text) else _MERE_WORD


def index_text(text: str, stem: str) -> str:
    """The terms of a text in order, with a space between them: what the text index reads.
    ``stem`` is the language to stem in (``stem_in``)."""
    terms = _terms[stem]
    if mere_word := _mere_word(text):  # most posts: no loop of our own over the words
        return " ".join(filter(None, [terms[word][1] for word in mere_word.findall(text)]))
    parts: list[str] = []
    for match in _WORD.finditer(text):
        group = match.lastgroup
        if group == "word":
            parts.append(terms[match.group()][1])
        elif group == "unspaced":
            folded, _ = fold_characters(match.group())
            parts.extend(map(add, folded, folded[1:]))
            parts.append(folded[-1:])
        else:
            parts.extend(token.term for token in _cut(text, terms, match))
    return " ".join(filter(None, parts))


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script without spaces: a character or a pair of them."""
    return _IS_UNSPACED.match(term) is not None


def query_languages(text: str, present: Iterable[str]) -> tuple[str, ...]:
    """The languages whose stems a query's words are looked for in, likeliest first: its own, English,
    those that the index has in number (``present``), those of other scripts, which cost nothing
    as they change no other word, and none at all."""
    return tuple(dict.fromkeys((language_of(text), "en", *present, *_OF_SCRIPT.values(), "")))


def variants(word: str, languages: Iterable[str] = ALL_LANGUAGES) -> tuple[str, ...]:
    """The terms that a folded word may have become in posts of these languages, in their order."""
    if is_unspaced(word):
        return (word,)
    return tuple(dict.fromkeys(_terms[lang][word][1] for lang in languages))


def readings(
    tokens: Sequence[Token], languages: Iterable[str] = ALL_LANGUAGES
) -> list[tuple[str, ...]]:
    """The terms of a run of words as posts of one language or another have them."""
    return list(
        dict.fromkeys(
            tuple(
                token.word if is_unspaced(token.word) else _terms[lang][token.word][1]
                for token in tokens
            )
            for lang in languages
        )
    )


def is_stop_word(word: str, lang: str) -> bool:
    """Whether a folded word says nothing by itself in a language."""
    return word in STOP_WORDS.get(lang, STOP_WORDS["en"])


def content_tokens(text: str, lang: str | None = None) -> list[Token]:
    """The words of a text that say something: stop words are left out."""
    lang = language(text, lang)
    stem = stem_in(text, lang)
    stop = STOP_WORDS.get(lang or stem, frozenset())
    return [token for token in _tokens(text, stem) if token.word not in stop]


def content_terms(text: str, lang: str | None = None) -> list[str]:
    """Folded and stemmed words of a text in order, stop words left out."""
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
