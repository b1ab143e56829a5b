"""Words that carry no content by themselves. Question words and the verbs that only carry a
question are among them: they say what is asked, not about what.

The lists stand in ``stopwords.txt``, a language a line, as they are written; whence they are is in
NOTICE.
"""

from __future__ import annotations

from importlib import resources

from myna.index.folding import fold

WRITTEN: dict[str, frozenset[str]] = {
    lang: frozenset(words)
    for lang, *words in map(
        str.split,
        resources.files("myna.index").joinpath("stopwords.txt").read_text("utf-8").splitlines(),
    )
}
"""Language → its stop words in lower case, accents and all."""

STOP_WORDS: dict[str, frozenset[str]] = {
    lang: frozenset(map(fold, words)) for lang, words in WRITTEN.items()
}
"""Language → its stop words, folded as the words of posts are."""
