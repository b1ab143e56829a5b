"""Stems: the form of a word that its other forms are found by, language by language. Pure."""

from __future__ import annotations

import tantivy

from myna.index.cutting import APOSTROPHE
from myna.index.folding import fold
from myna.index.language import language, script_of
from myna.index.recent import Recent

_CACHE_WORDS = 50_000
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
OF_SCRIPT = {"latin": "en", "cyrillic": "ru", "el": "el", "arabic": "ar", "ta": "ta"}
"""What to stem in where a text is too short to tell its language."""


class Stems(Recent[tuple[str, str]]):
    """Word as written → (folded, stemmed in one language)."""

    def __init__(self, lang: str) -> None:
        super().__init__(_CACHE_WORDS)
        self._stemmer = _STEMMERS.get(lang)
        self._cuts_endings = lang == "tr"  # "Ankara'da": in Ankara

    def make(self, word: str) -> tuple[str, str]:
        """A word's forms."""
        written = APOSTROPHE.split(word)[0] if self._cuts_endings else word
        folded = "".join(fold(written).split())
        stems = self._stemmer.analyze(folded) if self._stemmer and folded else []
        return (folded, "".join(stems) or folded)  # some words are all ending


STEMS: dict[str, Stems] = {lang: Stems(lang) for lang in ALL_LANGUAGES}


def stem_in(text: str, lang: str | None) -> str:
    """The language to stem a text in, given the one that it is in, if that is known; else the
    usual one of its script. "" for a language without a stemmer."""
    if lang is None:
        script = "latin" if text.isascii() else script_of(text[:_SCRIPT_CHARACTERS])
        lang = OF_SCRIPT.get(script or "latin", "")
    return lang if lang in _STEMMERS else ""


def language_of(text: str, lang: str | None = None) -> str:
    """The language to stem in: the network's word for it, else what the text shows. "" for a
    language without a stemmer."""
    return stem_in(text, language(text, lang))
