"""The words of one post, analysed once: its document, its replies and its subjects use them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from myna.index import terms
from myna.index.cutting import plain_words
from myna.index.language import language
from myna.post import Post

MAX_CHARACTERS = 20_000
"""Of a post's text that are indexed."""


class Words(NamedTuple):
    """Of a post's text."""

    lang: str | None
    """The language that it is in; None where that cannot be told."""
    stem: str
    """The language that it is stemmed in."""
    terms: list[str]
    body: str
    """The terms, with a space between them."""
    plain: list[str] | None
    """The words as written, where the text has nothing else (``cutting.plain_words``)."""


def words_of(post: Post) -> Words:
    """Analyse a post's text."""
    text = post.text[:MAX_CHARACTERS]
    lang = language(text, post.lang)
    stem = terms.stem_in(text, lang)
    plain = plain_words(text)
    found = terms.index_terms(text, stem) if plain is None else terms.plain_terms(plain, stem)
    return Words(lang, stem, found, " ".join(found), plain)
