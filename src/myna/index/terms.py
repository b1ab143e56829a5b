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
from itertools import pairwise
from operator import add, itemgetter
from typing import NamedTuple

from myna.index.cutting import (
    TAG,
    TAGS,
    WORD,
    capitals,
    is_unspaced,
    mere_word,
    odd_pieces,
    pictures,
)
from myna.index.folding import fold, fold_characters
from myna.index.language import language
from myna.index.stems import (
    ALL_LANGUAGES,
    LANGUAGES,
    OF_SCRIPT,
    STEMS,
    Stems,
    language_of,
    stem_in,
)
from myna.index.stopwords import STOP_WORDS

__all__ = [
    "ALL_LANGUAGES",
    "LANGUAGES",
    "TAG",
    "TAGS",
    "VERSION",
    "Token",
    "fold",
    "is_unspaced",
    "language_of",
    "stem_in",
]

VERSION = 3
"""Of the analysis: an index made with another version is rebuilt."""


_TERM = itemgetter(1)
"""Of a word's forms."""


class Token(NamedTuple):
    """A word of a text: ``text[start:end]``, folded and stemmed as ``term``."""

    start: int
    end: int
    term: str
    word: str
    """Folded, not stemmed: what stop words and the terms of other languages are found by."""


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


def _cut(text: str, terms: Stems, match: re.Match[str]) -> Iterator[Token]:
    """The words of anything that is not just a word."""
    start, end = match.span()
    group = match.lastgroup
    if group == "unspaced":
        yield from _pairs(match.group(), start)
    elif group == "emoji":
        for term in pictures(match.group()):
            yield Token(start, end, term, term)
    else:
        word, term = terms[match.group()]
        if term:
            yield Token(start, end, term, word)
        for left, right in capitals(match.group()) if group == "tag" else ():
            word, term = terms[text[start + left : start + right]]
            if term:
                yield Token(start + left, start + right, term, word)


def tokenize(text: str, lang: str | None = None) -> list[Token]:
    """The words of a text in order, with offsets in code points."""
    return _tokens(text, language_of(text, lang))


def _tokens(text: str, stem: str) -> list[Token]:
    terms = STEMS[stem]
    tokens: list[Token] = []
    for match in WORD.finditer(text):
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
    terms = STEMS[stem]
    known = seen.setdefault(stem, {})
    found: list[tuple[int, int, Token]] = []
    index = 0
    for match in WORD.finditer(text):
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


def index_terms(text: str, stem: str) -> list[str]:
    """The terms of a text in order, as the text index has them. ``stem`` is the language to stem
    in (``stem_in``)."""
    terms, find_words = STEMS[stem], mere_word(text).findall
    parts: list[str] = []
    at = 0
    for start, end in odd_pieces(text):
        if at < start:
            parts += map(_TERM, map(terms.__getitem__, find_words(text, at, start)))
        _index_odd(parts, terms, text, start, end)
        at = end
    parts += map(_TERM, map(terms.__getitem__, find_words(text, at)))
    return list(filter(None, parts))


def plain_terms(words: Iterable[str], stem: str) -> list[str]:
    """The same of a text that has been cut already (``cutting.plain_words``)."""
    return list(filter(None, map(_TERM, map(STEMS[stem].__getitem__, words))))


def _index_odd(parts: list[str], terms: Stems, text: str, start: int, end: int) -> None:
    for match in WORD.finditer(text, start, end):
        group = match.lastgroup
        if group == "word":
            parts.append(terms[match.group()][1])
        elif group == "unspaced":
            folded, _ = fold_characters(match.group())
            parts.extend(map(add, folded, folded[1:]))
            parts.append(folded[-1:])
        else:
            parts.extend(token.term for token in _cut(text, terms, match))


def index_text(text: str, stem: str) -> str:
    """``index_terms`` with a space between them: what the text index reads."""
    return " ".join(index_terms(text, stem))


def query_languages(text: str, present: Iterable[str]) -> tuple[str, ...]:
    """The languages whose stems a query's words are looked for in, likeliest first: its own, English,
    those that the index has in number (``present``), those of other scripts, which cost nothing
    as they change no other word, and none at all."""
    return tuple(dict.fromkeys((language_of(text), "en", *present, *OF_SCRIPT.values(), "")))


def variants(word: str, languages: Iterable[str] = ALL_LANGUAGES) -> tuple[str, ...]:
    """The terms that a folded word may have become in posts of these languages, in their order."""
    if is_unspaced(word):
        return (word,)
    return tuple(dict.fromkeys(STEMS[lang][word][1] for lang in languages))


def readings(
    tokens: Sequence[Token], languages: Iterable[str] = ALL_LANGUAGES
) -> list[tuple[str, ...]]:
    """The terms of a run of words as posts of one language or another have them."""
    return list(
        dict.fromkeys(
            tuple(
                token.word if is_unspaced(token.word) else STEMS[lang][token.word][1]
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
