"""Queries as tantivy objects. Nothing that a person typed is ever parsed by tantivy, so nothing
that they type can be an error or an operator that was not meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import tantivy
from tantivy import Occur

from myna.index.query import SAID, Atom, Part, Query
from myna.index.schema import entry_of
from myna.index.terms import (
    ALL_LANGUAGES,
    Token,
    is_unspaced,
    phrase_tokens,
    readings,
    variants,
)

Clauses = list[tuple[Occur, tantivy.Query]]

CONTEXT_WEIGHT = 0.3
"""Of a word in the parent's text against one in the post's own."""
_FUZZY_MIN_CHARACTERS = 5


def strict_clauses(
    schema: tantivy.Schema,
    query: Query,
    *,
    said: bool,
    languages: Sequence[str] = ALL_LANGUAGES,
) -> Clauses:
    """Conditions that every result must meet: fields, times and numbers; with ``said``, phrases,
    tags and what must not occur too. Plain words are not among them. ``languages`` are those
    whose stems count (``terms.query_languages``)."""
    clauses: Clauses = []
    for group in query.groups:
        if all(_strict(atom, said) for atom in group):
            clauses.extend(_group(schema, group, languages))
    return clauses + _ranges(schema, query)


def all_clauses(
    schema: tantivy.Schema, query: Query, languages: Sequence[str] = ALL_LANGUAGES
) -> Clauses:
    """Every part of the query as a condition."""
    clauses: Clauses = []
    for group in query.groups:
        clauses.extend(_group(schema, group, languages))
    return clauses + _ranges(schema, query)


def conjunction(clauses: Clauses) -> tantivy.Query:
    """All clauses together; conditions that only exclude are taken from all posts."""
    if not clauses:
        return tantivy.Query.all_query()
    if all(occur == Occur.MustNot for occur, _ in clauses):
        clauses = [(Occur.Must, tantivy.Query.all_query()), *clauses]
    return tantivy.Query.boolean_query(clauses)


def any_word(
    schema: tantivy.Schema, words: Iterable[Sequence[str]], unknown: Iterable[str]
) -> tantivy.Query:
    """Posts with any of the words (each given as its variants), best by BM25; words that no post
    has are looked for with one letter wrong."""
    parts: Clauses = []
    for terms in words:
        for term in terms:
            parts.append((Occur.Should, _term(schema, "body", term)))
            context = tantivy.Query.boost_query(_term(schema, "context", term), CONTEXT_WEIGHT)
            parts.append((Occur.Should, context))
    for word in unknown:
        if len(word) >= _FUZZY_MIN_CHARACTERS and word.isalpha() and word.isascii():
            fuzzy = tantivy.Query.fuzzy_term_query(schema, "body", word, 1, True)
            parts.append((Occur.Should, fuzzy))
    return tantivy.Query.boolean_query(parts) if parts else tantivy.Query.empty_query()


def restricted(clauses: Clauses, query: tantivy.Query) -> tantivy.Query:
    """``query`` among the posts that meet the clauses, which do not change its score."""
    without = [clause for clause in clauses if clause[0] == Occur.MustNot]
    wanted = [clause for clause in clauses if clause[0] != Occur.MustNot]
    if wanted:
        only = tantivy.Query.const_score_query(conjunction(wanted), 0.0)
        without.append((Occur.Must, only))
    return tantivy.Query.boolean_query([(Occur.Must, query), *without]) if without else query


def among(schema: tantivy.Schema, ids: Sequence[int], clauses: Clauses) -> tantivy.Query:
    """Those of ``ids`` that meet the clauses."""
    these = tantivy.Query.term_set_query(schema, "id", list(ids))
    return tantivy.Query.boolean_query([(Occur.Must, these), (Occur.Must, conjunction(clauses))])


def _strict(atom: Atom, said: bool) -> bool:
    if atom.part not in SAID:
        return True
    return said and (atom.negated or atom.part is not Part.WORD)


def _group(schema: tantivy.Schema, group: tuple[Atom, ...], languages: Sequence[str]) -> Clauses:
    """One group as clauses; parts without a single letter or digit ask for nothing."""
    made = [(atom, _atom(schema, atom, languages)) for atom in group]
    usable = [(atom, query) for atom, query in made if query is not None]
    if not usable:
        return []
    if len(usable) == 1:
        atom, query = usable[0]
        return [(Occur.MustNot if atom.negated else Occur.Must, query)]
    either: Clauses = []
    for atom, query in usable:
        wanted = conjunction([(Occur.MustNot, query)]) if atom.negated else query
        either.append((Occur.Should, wanted))
    return [(Occur.Must, tantivy.Query.boolean_query(either))]


def _atom(schema: tantivy.Schema, atom: Atom, languages: Sequence[str]) -> tantivy.Query | None:
    if atom.part in (Part.WORD, Part.PHRASE):
        return words_query(schema, atom.value, languages)
    if atom.part is Part.DOMAIN and re.fullmatch(r"[a-z0-9]+", atom.value):
        return tantivy.Query.regex_query(schema, "domain", atom.value + r"(\..+)?")
    return tantivy.Query.term_query(schema, *entry_of(atom), "basic")


def words_query(
    schema: tantivy.Schema, text: str, languages: Sequence[str] = ALL_LANGUAGES
) -> tantivy.Query | None:
    """Posts in which the words of ``text`` stand together, in any of the languages' stems."""
    tokens = phrase_tokens(text)
    if not tokens:
        return None
    if len(tokens) == 1:
        return _one_word(schema, tokens[0], languages)
    phrases = [_phrase(schema, terms) for terms in readings(tokens, languages)]
    return phrases[0] if len(phrases) == 1 else _either(phrases)


def _phrase(schema: tantivy.Schema, terms: tuple[str, ...]) -> tantivy.Query:
    if len(terms[-1]) == 1 and is_unspaced(terms[-1]):  # it may begin a pair, as in _one_word
        return tantivy.Query.phrase_prefix_query(schema, "body", list(terms))
    return tantivy.Query.phrase_query(schema, "body", list(terms))


def _one_word(schema: tantivy.Schema, token: Token, languages: Sequence[str]) -> tantivy.Query:
    if len(token.word) == 1 and is_unspaced(token.word):
        # One character of a script without spaces: it begins one of the index's pairs.
        return tantivy.Query.regex_query(schema, "body", re.escape(token.word) + ".?")
    return _either([_term(schema, "body", term) for term in variants(token.word, languages)])


def _either(queries: list[tantivy.Query]) -> tantivy.Query:
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.disjunction_max_query(queries)


def _term(schema: tantivy.Schema, field: str, value: str) -> tantivy.Query:
    option = {"body": "position", "context": "freq"}.get(field, "basic")
    return tantivy.Query.term_query(schema, field, value, option)


def _ranges(schema: tantivy.Schema, query: Query) -> Clauses:
    clauses: Clauses = []
    if query.since or query.until:
        span = tantivy.Query.range_query(
            schema,
            "posted_at",
            tantivy.FieldType.Integer,
            lower_bound=int(query.since.timestamp() * 1000) if query.since else None,
            upper_bound=int(query.until.timestamp() * 1000) if query.until else None,
            include_upper=query.until is None,
        )
        clauses.append((Occur.Must, tantivy.Query.const_score_query(span, 0.0)))
    for field, least, fewer in (
        ("likes", query.min_likes, query.fewer_likes),
        ("reposts", query.min_reposts, query.fewer_reposts),
    ):
        if least or fewer is not None:
            enough = tantivy.Query.range_query(
                schema,
                field,
                tantivy.FieldType.Unsigned,
                lower_bound=least,
                upper_bound=fewer,
                include_upper=fewer is None,
            )
            clauses.append((Occur.Must, tantivy.Query.const_score_query(enough, 0.0)))
    return clauses
