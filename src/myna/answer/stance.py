"""How one post takes another: whether it supports what that says, disputes it or asks for proof. Pure.

Words show it only where people say it outright. A post that takes no clear side takes none here:
a wrong side is worse than none. It is measured on tweets of rumours (``evals.explain``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from myna.answer.support import Idf, weighed
from myna.index.terms import content_terms
from myna.post import StoredPost

Stance = Literal["support", "deny", "query", "comment"]
SAME_SHARE = 0.6
"""Share of a claim's words, weighed, from which on another post says it, too."""
LONGEST_QUERY_WORDS = 14

_NOISE = re.compile(r"@[\w.-]+|\b\w+://\S+|\bwww\.\S+")
_REPEATED = re.compile(r"[“\"]@?[\w.-]+:.*?(?:[”\"]|$)|\b(?:RT|MT|via)\b ?:? ?@.*", re.DOTALL)
"""Another's post inside a post: whoever passes it on has not said it."""
_DENIES = re.compile(
    r"^\W*(?:lies?|liars?|wrong|nope|nah|no,? (?:it|he|she|they|you|this|that)\b|bs|bull|non,? "
    r"|faux|falso|falsch)\b|\b(?:(?:this|that|it|he|she)(?: i|['’])s (?:not|never) (?:true|right|real|correct|accurate)"
    r"|(?:not|isn['’]?t|wasn['’]?t|aren['’]?t|nor) (?:true|real|accurate|correct|confirmed|verified"
    r"|a fact|factual)|untrue|false|fake[ds]?|hoax(?:es)?|debunked|disproven|misinformation"
    r"|disinformation|propaganda|bogus|bull ?shit|photoshop\w*|fabricat\w+|(?:a|is|are|all|total"
    r"|complete) (?:lies?|lying|myth|rumou?rs?|nonsense|rubbish|wrong)|liars?|(?:you|they|he|she)"
    r"(?:['’]re| are|['’]s| is) (?:lying|wrong)|stop (?:spreading|lying|with)|no (?:evidence|proof)"
    r"|no such thing|(?:did|does|has|have|was|is)(?: not|n['’]?t|nt) (?:happen|happened|exist)"
    r"|never happened|incorrect|inaccurate|misleading|retract\w*|den(?:y|ies|ied) (?:it|this|that|the)"
    r"|(?:i )?(?:do not|don['’]?t|dont) (?:believe|buy) (?:it|this|that|a word)|i doubt|disagree"
    r"|pas vrai|c['’]est faux|faux|fausse|mensonges?|intox|démenti|démenties?|n['’]importe quoi|infox"
    r"|aucune preuve|stimmt nicht|falsch|gelogen|lüge|unwahr|quatsch|falso|mentira|bulo|no es (?:verdad"
    r"|cierto)|não é verdade|non è vero|bufala|bufale)\b|デマ|嘘|假的|谣言",
    re.IGNORECASE,
)
_SUPPORTS = re.compile(
    r"(?<!that )(?<!if )(?<!whether )\b(?:(?:this|that|it)(?: i|['’])s (?:so |very |all |absolutely |indeed )?(?:true|right|real"
    r"|correct|confirmed|a fact)|(?:so|very|sad but|too|absolutely) true|(?:can|now|been|just) confirm(?:ed)?"
    r"|i (?:totally |completely |fully )?agree|(?:you|they|he|she)(?:['’]re| are|['’]s| is) (?:so |absolutely )?right"
    r"|i (?:saw|heard|can see) (?:it|this|that)|can confirm|well said|spot on|c['’]est vrai"
    r"|je confirme|confirmée?s?|d['’]accord|tout à fait|das stimmt|bestätigt"
    r"|es verdad|es cierto|confirmad[oa]|é verdade|confermato|è vero)\b|^\W*(?:yes|yep|yup|true"
    r"|exactly|indeed|agreed|correct|confirmed|this\W*$|oui|vrai|exact|exactement|ja|stimmt|genau"
    r"|richtig|sí|exacto|sim)\b|本当です|真的",
    re.IGNORECASE,
)
_ASKS_PROOF = re.compile(
    r"\b(?:sources?|proof|evidence|confirm(?:ed|s)?|confirmation|verified|true|real|really|sure|legit"
    r"|links?|reliable|how do (?:you|we|they) know|who (?:says|said)|where (?:did|do|is)|fake|hoax|fact"
    r"|preuves?|vrai|confirmé|sûrs?|vraiment|quelle|wirklich|quelle|beweise?|stimmt|wahr|fuente|verdad"
    r"|pruebas?|seguro|fonte|prove?|vero)\b|本当|真的",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|cannot|pas|jamais|aucune?|nicht|kein\w*)\b|n['’]t\b",
    re.IGNORECASE,
)


def stance(text: str, claim: str, idf: Idf, *, apart: bool = False) -> Stance:
    """How a text that answers ``claim`` takes it. One that stands ``apart`` from it has to speak of
    the same thing."""
    said = own_words(text)
    if apart and not _shares(said, claim, idf):
        return "comment"
    if "?" in said or "？" in said:
        asking = [one for one in re.split(r"(?<=[?？.!])\s+", said) if "?" in one or "？" in one]
        short = len(said.split()) <= LONGEST_QUERY_WORDS
        if any(_ASKS_PROOF.search(one) for one in asking):
            return "query"
        if short and not _DENIES.search(said):
            return "query"
    if _DENIES.search(said):
        return "comment" if _DENIES.search(_NOISE.sub(" ", claim)) else "deny"
    if _SUPPORTS.search(said) or says_the_same(said, claim, idf):
        return "support"
    return "comment"


def own_words(text: str) -> str:
    """``text`` without what it repeats of others, handles and addresses."""
    return " ".join(_NOISE.sub(" ", _REPEATED.sub(" ", text)).split())


def says_the_same(text: str, claim: str, idf: Idf) -> bool:
    """Whether a text states nearly all that a claim does, and denies neither more nor less."""
    return _shares(text, claim, idf) and bool(_NEGATION.search(text)) == bool(
        _NEGATION.search(claim)
    )


def _shares(text: str, claim: str, idf: Idf) -> bool:
    """Whether a text speaks of what a claim speaks of."""
    words = _content(claim)
    own = frozenset(content_terms(_NOISE.sub(" ", text)))
    if len(words) < 3 or 2 * len(words & own) < len(words):  # the index need not be asked
        return False
    return weighed(words & own, idf) >= SAME_SHARE * weighed(words, idf)


@lru_cache(64)
def _content(claim: str) -> frozenset[str]:
    return frozenset(content_terms(_NOISE.sub(" ", claim)))


def sides(claim: StoredPost, thread: Sequence[StoredPost], idf: Idf) -> Mapping[int, Stance]:
    """Post → how it takes ``claim``, of the posts below that; its own author's take none. Who agrees
    with a denial denies, too; who disputes one takes no side that words show."""
    by_uri = {post.post.uri: post for post in thread}
    found: dict[int, Stance] = {}
    below = {claim.id}
    for post in thread:
        parent = by_uri.get(post.post.reply_to or "")
        if parent is None or parent.id not in below or post.id in below:
            continue
        below.add(post.id)
        if post.post.author.id == claim.post.author.id:
            continue
        above = found.get(parent.id)
        taken = stance(post.post.text, claim.post.text, idf)
        if parent.id != claim.id and taken in ("support", "deny"):
            if above == "deny":
                taken = "deny" if taken == "support" else "comment"
            elif above != "support":
                taken = "comment"
        found[post.id] = taken
    return found
