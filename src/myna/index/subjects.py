"""Subjects: what of a post can become a trend, its words, tags and links. Pure.

In the index's field ``subject`` a word is its term, a tag begins with #, a link is its address and
has a slash. Copies of an earlier post and posts of bots have none, so that whoever counts posts by
subject counts independent origins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import chain, compress

from myna.index import terms
from myna.index.recent import Recent
from myna.index.stopwords import STOP_WORDS
from myna.index.words import Words
from myna.post import Post

MOST = 24
"""Subjects of a post: the first words of a long one."""
_LEAST_LETTERS = 3
_LINK = re.compile(r"\bhttps?://([^\s<>()\"]+)", re.IGNORECASE)
_OF_LINKS = "http https www com org net html htm php"
_MOST_LINK_CHARACTERS = 200
_CACHE_TERMS = 50_000
_CACHE_PEOPLE = 20_000


def subjects_of(
    words: Words, post: Post, tags: Iterable[str], people: Iterable[str] = ()
) -> list[str]:
    """Of a post with these words and folded ``tags``; each once. Names of ``people`` whom it
    speaks to are left out; a bot has none."""
    if post.author.is_bot:
        return []
    text = post.text
    found = [f"#{tag}" for tag in sorted(tags)] if tags else []
    if "://" in text:
        found += [address_of(match[1]) for match in _LINK.finditer(text)]
    lang = words.lang or words.stem
    said: Iterable[str] = compress(words.terms, map(_telling(lang).__getitem__, words.terms))
    if people:
        names = set(terms.index_terms(" ".join(people), terms.stem_in("", lang)))
        said = [term for term in said if term not in names]
    return list(dict.fromkeys(chain(found, said)))[:MOST]


def address_of(link: str) -> str:
    """A link without protocol, www., query and fragment: two links to a page are one subject."""
    address = re.split(r"[?#]", link.strip(), maxsplit=1)[0].rstrip("/.,;:!')’")
    host, _, path = address.partition("/")
    return f"{host.lower().removeprefix('www.')}/{path}"[:_MOST_LINK_CHARACTERS]


@lru_cache(_CACHE_PEOPLE)
def person_of(network: str, author: str) -> int:
    """An author, by its id within a network, as a number of 32 bits, to count and to sample people
    by."""
    key = f"{network}\n{author}".encode()
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "little")


class _Telling(Recent[bool]):
    """Term → whether it can be a subject in one language."""

    def __init__(self, silent: frozenset[str]) -> None:
        super().__init__(_CACHE_TERMS)
        self._silent = silent

    def make(self, word: str) -> bool:
        """Whether a term can."""
        return (
            word not in self._silent
            and not word.isdigit()
            and (len(word) >= _LEAST_LETTERS or not word.isascii())
        )


@cache
def _telling(lang: str) -> _Telling:
    """All terms but those of stop words: the English ones, which stand in texts of all languages,
    the language's own, and what is left of a link's address."""
    words = STOP_WORDS["en"] | STOP_WORDS.get(lang, frozenset())
    said = " ".join(sorted(words))
    stems = [terms.index_text(said, terms.stem_in("", one)) for one in ("en", lang)]
    return _Telling(frozenset(f"{said} {' '.join(stems)} {_OF_LINKS}".split()))
