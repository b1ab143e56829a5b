"""The recipe for grounded answering: from threads of posts to questions with numbered posts and the
answer that a model should give. Pure, and the same for the same posts.

1. A post that asks, and a reply to it by somebody else, both of them fit for a corpus (``clean``).
2. The question is the sentence that asks with most words to search for; it needs ``LEAST_ASKED``.
3. The answer is what the product would quote of the reply (``answer.quote``): those of its
   sentences, two at most, that the product calls supported by it, with ``LEAST_SAID`` new words or
   more. Each gets its mark.
4. Beside the reply stand up to three other posts of the window that have most of the question's words,
   of other conversations, none of which says the answer. A quarter of the examples have none:
   a small model is shown one post.
5. Of a third of the examples the reply is taken away. The others stay, if each has less than 60 % of
   the question's words, and the answer is the product's own refusal.
6. What a post replies to is shown with it in half of the cases; names are made up.
7. Worse answers for preferences: each has one thing wrong (``_worse``), and a lower reward.

Wherever the recipe chooses, a hash of the posts does, so that no example depends on another.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from myna.answer.phrases import Language
from myna.answer.prompt import SMALL_PROMPT_TOKENS, small_prompt
from myna.answer.question import says_too_little
from myna.answer.quote import LONGEST_QUOTE, QUOTED_FIT, asks, quotations
from myna.answer.sentences import sentences
from myna.answer.support import (
    ADDRESS,
    SUPPORTED_SHARE,
    Claim,
    Idf,
    support,
    supporting,
    unaddressed,
    weighed,
)
from myna.index.language import identify, likelier
from myna.index.terms import content_terms
from myna.train.clean import reject, scrub
from myna.train.examples import Example, Made, Told
from myna.train.files import Piece
from myna.train.hashes import author_hash
from myna.train.rewards import idf_of, marked, refusal_in, reward

LEAST_ASKED = 3
"""Different words to search for that a question must have."""
LEAST_SAID = 3
"""Different words beside the question's that an answer must have."""
LONGEST_ASKED = 200
"""Characters."""
MOST_SENTENCES = 2
MOST_BESIDE = 3
LOOKED_AT = 60
"""Posts that are asked whether they could stand beside the reply."""
COMMON = 50
"""Posts of a window, or a twentieth of them, that may have a word by which others are found."""
NEAR_SHARE = 0.6
"""Share of the question's words, weighed, from which a post may answer it."""
NAMES = [
    "ana",
    "arlo",
    "bea",
    "cleo",
    "dario",
    "edda",
    "emil",
    "esra",
    "fay",
    "finn",
    "gus",
    "hana",
    "ida",
    "ivo",
    "jun",
    "kai",
    "lena",
    "lior",
    "mara",
    "milo",
    "nadia",
    "nils",
    "oda",
    "omar",
    "pia",
    "quinn",
    "rafi",
    "remy",
    "sana",
    "tove",
    "uma",
    "vera",
    "wim",
    "xenia",
    "yael",
    "zoe",
]


@dataclass(frozen=True, slots=True)
class _Post:
    """A post of the window, cleaned."""

    at: int
    piece: Piece
    text: str
    terms: frozenset[str]
    root: str


def examples_of(pieces: Sequence[Piece]) -> Iterator[Made]:
    """All examples that a window of posts gives."""
    window = _Window(pieces)
    for reply in window.posts:
        above = window.by_key.get((reply.piece.network, reply.piece.parent))
        if above and above.piece.author != reply.piece.author:
            made = window.example(above, reply)
            if made:
                yield made


class _Window:
    def __init__(self, pieces: Sequence[Piece]) -> None:
        names = {(piece.network, piece.author.casefold()) for piece in pieces if piece.author}
        kept = [
            (piece, scrub(_unaddressed(piece, names).strip()))
            for piece in pieces
            if piece.source and not reject(piece.text)
        ]
        above = {(piece.network, piece.key): piece for piece, _ in kept}
        self.posts = [
            _Post(at, piece, text, frozenset(content_terms(text)), _root(piece, above))
            for at, (piece, text) in enumerate(kept)
        ]
        self.idf = idf_of(post.text for post in self.posts)
        self.by_key = {(post.piece.network, post.piece.key): post for post in self.posts}
        self.having: dict[str, list[int]] = defaultdict(list)
        for post in self.posts:
            for term in post.terms:
                self.having[term].append(post.at)

    def example(self, above: _Post, reply: _Post) -> Made | None:
        """What a post that asks and its reply give, if anything."""
        question = _question(above.text)
        lang = language_of(question)
        if not question or lang is None:
            return None
        draw = _Draw(above.piece.key, reply.piece.key)
        shown = _Shown(draw)
        first = shown.told(reply, 1, above)
        gold = Example(question, lang, (first,), (), "", (1,), ())
        answer = _answer(gold, self.idf)
        if not answer:
            return None
        claims = [Claim.of(sentence, question) for sentence in answer]
        alone, gone = draw.below(4) == 0, draw.below(3) == 0
        most = 1 if alone else 1 + draw.below(MOST_BESIDE)
        beside = (
            []
            if alone and not gone
            else [
                post
                for post in self._beside(question, above, reply, claims)
                if not gone or self._share(question, post) < NEAR_SHARE
            ][:most]
        )
        if gone and not beside:
            return None
        posts = [*beside] if gone else [reply, *beside]
        posts.sort(key=lambda post: draw.key(post.piece.key))
        begin = 1 + draw.below(6) if len(posts) == 1 else 1
        told = tuple(
            shown.told(post, begin + number, self._above(post, draw))
            for number, post in enumerate(posts)
        )
        cites = () if gone else (begin + posts.index(reply),)
        example = replace(gold, posts=told, cites=cites)
        if not gone and not all(
            set(supporting(one, question, example.sources, self.idf)) & set(cites) for one in answer
        ):
            return None
        right = refusal_in(lang) if gone else " ".join(marked(one, cites) for one in answer)
        prompt = small_prompt(question, example.sources, self.idf, SMALL_PROMPT_TOKENS)
        told_prompt = tuple((message.role, message.content) for message in prompt)
        example = replace(example, answer=right, prompt=told_prompt)
        best = reward(example, right, self.idf)
        worse = tuple(
            bad
            for bad in dict.fromkeys(_worse(example, answer))
            if reward(example, bad, self.idf) < best
        )
        used = [above, reply, *posts, *(one for post in posts if (one := self._parent(post)))]
        return Made(
            replace(example, worse=worse),
            reply.piece.source,
            tuple(dict.fromkeys(author_hash(one.piece.network, one.piece.author) for one in used)),
            min(one.piece.consent for one in used),
        )

    def _parent(self, post: _Post) -> _Post | None:
        return self.by_key.get((post.piece.network, post.piece.parent))

    def _above(self, post: _Post, draw: _Draw) -> _Post | None:
        return self._parent(post) if draw.key(f"above {post.piece.key}")[0] % 2 else None

    def _share(self, question: str, post: _Post) -> float:
        asked = frozenset(content_terms(question))
        parent = self._parent(post)
        have = post.terms | (parent.terms if parent else frozenset[str]())
        return weighed(asked & have, self.idf) / max(weighed(asked, self.idf), 1e-9)

    def _beside(
        self, question: str, above: _Post, reply: _Post, claims: list[Claim]
    ) -> Iterator[_Post]:
        """Posts that a search might give beside the reply, the likeliest first."""
        scores: dict[int, float] = defaultdict(float)
        for term in frozenset(content_terms(question)):
            places = self.having.get(term, [])
            if len(places) <= max(COMMON, len(self.posts) // 20):
                for at in places:
                    scores[at] += self.idf(term)
        texts = {reply.text, above.text}
        for at in heapq.nsmallest(LOOKED_AT, scores, key=lambda at: (-scores[at], at)):
            post = self.posts[at]
            if post.root == reply.root or post.text in texts:
                continue
            source = Example("", "en", (Told(1, "a", post.text, 0),), (), "", (), ()).sources[0]
            if all(support(claim, source, self.idf) < SUPPORTED_SHARE for claim in claims):
                texts.add(post.text)
                yield post


class _Draw:
    """Choices by the hash of two posts' keys."""

    def __init__(self, *keys: str) -> None:
        self._seed = "\0".join(keys)
        self._number = 0

    def key(self, of: str) -> bytes:
        """A place in an order."""
        return hashlib.blake2b(f"{self._seed}\0{of}".encode(), digest_size=8).digest()

    def below(self, count: int) -> int:
        """The next choice among ``count``."""
        self._number += 1
        return int.from_bytes(self.key(str(self._number)), "little") % count


class _Shown:
    """Made-up names: the same for an author within an example."""

    def __init__(self, draw: _Draw) -> None:
        self._names = sorted(NAMES, key=draw.key)
        self._given: dict[tuple[str, str], str] = {}
        self._threads: dict[str, int] = {}

    def told(self, post: _Post, number: int, above: _Post | None) -> Told:
        thread = self._threads.setdefault(post.root, len(self._threads))
        said = (self._name(above), above.text) if above else None
        return Told(number, self._name(post), post.text, thread, said)

    def _name(self, post: _Post) -> str:
        place = len(self._given) % len(self._names)
        return self._given.setdefault((post.piece.network, post.piece.author), self._names[place])


def language_of(text: str) -> Language | None:
    """English or French, which the product speaks; None for any other."""
    told = identify(text) or likelier(text, ("en", "fr"))
    return "fr" if told == "fr" else "en" if told in {"en", None} and text.isascii() else None


def _unaddressed(piece: Piece, names: set[tuple[str, str]]) -> str:
    found = ADDRESS.match(piece.text)
    known = found and (piece.network, found[1].casefold()) in names
    return unaddressed(piece.text, [found[1]]) if found and known else piece.text


def _root(piece: Piece, above: Mapping[tuple[str, str], Piece]) -> str:
    """The conversation of a post, as far up as the window has it."""
    passed: set[str] = set()
    while piece.key not in passed and (up := above.get((piece.network, piece.parent))):
        passed.add(piece.key)
        piece = up
    return f"{piece.network} {piece.thread}"


def _question(text: str) -> str:
    """The sentence that asks, with most words to search for; empty where none says enough."""
    best, most = "", LEAST_ASKED - 1
    for span in sentences(text):
        sentence = " ".join(text[span.start : span.end].split())
        words = len(set(content_terms(sentence)))
        if (
            words > most
            and len(sentence) <= LONGEST_ASKED
            and asks(sentence)
            and not says_too_little(sentence)
        ):
            best, most = sentence, words
    return best


def _answer(gold: Example, idf: Idf) -> list[str]:
    """The sentences of the reply that answer, as the product would quote and check them."""
    sources = gold.sources
    found = quotations(sources, gold.question, idf)
    if not found or found[0].fit < QUOTED_FIT:
        return []
    words = " ".join(found[0].words.split())
    if len(words) > LONGEST_QUOTE:
        return []
    spans = [words[span.start : span.end] for span in sentences(words)]
    kept = [
        sentence
        for sentence in spans
        if "[" not in sentence
        and not asks(sentence)
        and supporting(sentence, gold.question, sources, idf)
    ]
    same = all((identify(one) or gold.language) == gold.language for one in kept)
    kept = kept[:MOST_SENTENCES]
    new = frozenset(content_terms(" ".join(kept))) - frozenset(content_terms(gold.question))
    return kept if same and len(new) >= LEAST_SAID else []


def _worse(example: Example, answer: Sequence[str]) -> Iterator[str]:
    """Answers with one thing wrong: a mark of another post, none at all, what another post says, what
    no post here says, a refusal or an answer where the other is due, both at once, the other language.
    """
    right = example.answer
    other = next((told for told in example.posts if told.number not in example.cites), None)
    beside = _first_sentence(other) if other else ""
    if example.cites:
        yield refusal_in(example.language)
        yield " ".join(answer)
        if other:
            yield " ".join(marked(one, [other.number]) for one in answer)
            yield f"{right} {marked(beside, [other.number])}"
            yield marked(beside, example.cites)
    else:
        number = example.posts[0].number
        yield " ".join(marked(one, [number]) for one in answer)
        yield refusal_in("fr" if example.language == "en" else "en")
        if beside:
            yield marked(beside, [number])
            yield f"{right} {marked(beside, [number])}"


def _first_sentence(told: Told) -> str:
    spans = sentences(told.text)
    return " ".join(told.text[spans[0].start : spans[0].end].split()) if spans else told.text


def texts_of(examples: Iterable[Example]) -> Iterator[str]:
    """Each post of a set once: what its words are weighed by."""
    seen: set[str] = set()
    for example in examples:
        for told in example.posts:
            if told.text not in seen:
                seen.add(told.text)
                yield told.text
