"""Subjects: what of a post can become a trend, its words, tags and links. Pure.

In the index's field ``subject`` a word is its term, a tag begins with #, a link is its address and
has a slash. Copies of an earlier post and posts of bots have none, so that whoever counts posts by
subject counts independent origins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b

from myna.index import terms
from myna.index.stopwords import STOP_WORDS
from myna.post import Author, Post

MOST = 24
"""Subjects of a post: the first words of a long one."""
_LEAST_LETTERS = 3
_LINK = re.compile(r"\bhttps?://([^\s<>()\"]+)", re.IGNORECASE)
_OF_LINKS = "http https www com org net html htm php"
_MOST_LINK_CHARACTERS = 200


def subjects_of(
    body: str, post: Post, tags: Iterable[str], people: Iterable[str] = (), *, lang: str
) -> list[str]:
    """Of a post with the terms ``body`` (as ``terms.index_text`` gives them) and the folded
    ``tags``; each once. Names of ``people`` whom it speaks to are left out; a bot has none.
    ``lang`` is the language that the post is in ("" for none)."""
    if post.author.is_bot:
        return []
    text = post.text
    found = [f"#{tag}" for tag in sorted(tags)]
    if "://" in text:
        found += [address_of(match[1]) for match in _LINK.finditer(text)]
    silent = _silent(lang)
    names = (
        set(terms.index_text(" ".join(people), terms.stem_in("", lang)).split()) if people else ()
    )
    found += [
        term
        for term in body.split(" ")
        if term not in silent
        and term not in names
        and not term.isdigit()
        and (len(term) >= _LEAST_LETTERS or not term.isascii())
    ]
    return list(dict.fromkeys(found))[:MOST]


def address_of(link: str) -> str:
    """A link without protocol, www., query and fragment: two links to a page are one subject."""
    address = re.split(r"[?#]", link.strip(), maxsplit=1)[0].rstrip("/.,;:!')’")
    host, _, path = address.partition("/")
    return f"{host.lower().removeprefix('www.')}/{path}"[:_MOST_LINK_CHARACTERS]


def person_of(author: Author) -> int:
    """An author as a number of 32 bits, to count and to sample people by."""
    key = f"{author.network}\n{author.id}".encode()
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "little")


@cache
def _silent(lang: str) -> frozenset[str]:
    """Terms of stop words: the English ones, which stand in texts of all languages, the
    language's own, and what is left of a link's address."""
    words = STOP_WORDS["en"] | STOP_WORDS.get(lang, frozenset())
    said = " ".join(sorted(words))
    stems = [terms.index_text(said, terms.stem_in("", one)) for one in ("en", lang)]
    return frozenset(f"{said} {' '.join(stems)} {_OF_LINKS}".split())
