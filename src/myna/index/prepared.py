"""A search under way: what was asked, made ready to be looked for and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import tantivy

from myna.index import compile as compiled
from myna.index import lookup
from myna.index.budget import Budget
from myna.index.language import language
from myna.index.query import SAID, Part, Query
from myna.index.rank import Matcher, QueryWord
from myna.index.terms import is_stop_word, query_languages, query_tokens, variants
from myna.index.text import Snapshot


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search under way."""

    query: Query
    snapshot: Snapshot
    languages: Sequence[str]
    """Those whose stems count."""
    matcher: Matcher
    budget: Budget
    now: datetime

    def any_word(self) -> tantivy.Query:
        """Posts with any of the words that say something."""
        content = {word.terms: word for word in self.matcher.words if word.idf > 0}
        return compiled.any_word(
            self.snapshot.schema,
            [word.terms for word in content.values() if word.known],
            [word.word for word in content.values() if not word.known],
        )

    def idf(self, word: str) -> float:
        """How much a folded word stands out among the posts."""
        return lookup.idf(self.snapshot, variants(word, self.languages))


def matcher_of(
    snapshot: Snapshot, wording: str, languages: Sequence[str], *, stop_words: bool
) -> Matcher:
    """What posts are compared with; ``stop_words`` says whether common words count like any
    other."""
    lang = language(wording) or languages[0]
    tokens = query_tokens(wording)
    says = [stop_words or not is_stop_word(token.word, lang) for token in tokens]
    if not any(says):
        says = [True] * len(tokens)
    words: list[QueryWord] = []
    for token, content in zip(tokens, says, strict=True):
        terms = variants(token.word, languages)
        idf = lookup.idf(snapshot, terms) if content else 0.0
        known = not content or lookup.frequency(snapshot, terms) > 0
        words.append(QueryWord(token.word, terms, idf, known))
    posts = snapshot.searcher.num_docs
    return Matcher(words, posts=posts, average_words=snapshot.average_words)


def languages_of(snapshot: Snapshot, query: Query) -> tuple[str, ...]:
    """The languages whose stems the query's words are looked for in."""
    asked = [atom.value for atom in query.atoms if atom.part is Part.LANG]
    return query_languages(whole_wording(query), (*asked, *snapshot.languages))


def whole_wording(query: Query) -> str:
    """A question's words; a word behind a dash is one of them (``what does ls -la do``)."""
    return " ".join(atom.value for atom in query.atoms if atom.part in SAID)
