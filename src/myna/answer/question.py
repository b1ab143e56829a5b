"""What is asked: the language, whether it is small talk, and the question by itself. Pure.

A follow-up ("and on Debian?") is made to stand alone by carrying over the content words of the
question before it, so that a search for it finds what the conversation is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from myna.answer.events import Turn
from myna.answer.phrases import Language
from myna.index.language import identify, likelier
from myna.index.terms import content_tokens

Talk = Literal["greeting", "thanks", "identity"]

_POLITE = r"(?:\s+(?:myna|there|all|everyone|again|you|so much|a lot|beaucoup|bien|à tous|tous))*"
_SMALL_TALK: tuple[tuple[Talk, re.Pattern[str]], ...] = (
    (
        "greeting",
        re.compile(
            rf"(?:hi+|hello+|hey+|yo|good (?:morning|evening|afternoon|day)|greetings|bonjour|salut"
            rf"|bonsoir|coucou|how are you(?: doing)?(?: today)?|what'?s up|(?:comment )?ça va"
            rf"|hi,? how are you(?: doing)?(?: today)?){_POLITE}"
        ),
    ),
    (
        "thanks",
        re.compile(
            rf"(?:ok(?:ay)?,?\s+)?(?:thanks?|thank you|thx|cheers|great|cool|nice|perfect|bye|goodbye"
            rf"|see you|merci|parfait|super|au revoir|à bientôt){_POLITE}(?:,?\s*(?:thanks|merci))?"
        ),
    ),
    (
        "identity",
        re.compile(
            r"(?:so,?\s+|and\s+|but\s+)?(?:who|what) (?:are|r) (?:you|u)(?: exactly| really)?"
            r"|are you (?:an? )?(?:real )?(?:ai|bot|robot|human|person|machine|chatgpt|grok|real)"
            r"(?: or (?:an? )?\w+)?|what(?:'s| is) your name|what can you do|what do you do"
            r"|(?:can|could) you help(?: me)?|introduce yourself|help"
            r"|qui (?:es[- ]tu|êtes[- ]vous)|tu es qui|vous êtes qui|(?:es[- ]tu|êtes[- ]vous) "
            r"(?:une? )?(?:ia|robot|humaine?|machine|vraie? personne)|comment (?:t'appelles[- ]tu"
            r"|vous appelez[- ]vous)|que (?:sais[- ]tu|savez[- ]vous) faire"
        ),
    ),
)

_REFERS = {
    "en": frozenset(["it", "its", "that", "this", "these", "those", "they", "them", "their", "he", "she", "him", "her", "there", "then", "one", "ones", "same", "so", "instead"]),
    "fr": frozenset(["il", "elle", "ils", "elles", "le", "la", "les", "lui", "leur", "leurs", "ça", "cela", "ceci", "celui", "celle", "ceux", "y", "en", "ce", "même", "alors"]),
}  # fmt: skip
_GOES_ON = re.compile(
    r"^(?:and|but|or|so|also|then|what about|how about|why|how so|really|et|mais|ou|alors|donc"
    r"|pourquoi|comment ça)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?:who|what|when|where|which|why|how|qui|que|quoi|quand|où|quel|pourquoi|comment|combien)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>")
MOST_CARRIED = 8
"""Content words that a follow-up takes over from earlier questions."""


def neutral(text: str) -> str:
    """``text`` without the control tokens of chat templates: data stays data."""
    while (cleaned := _CONTROL.sub(" ", text)) != text:
        text = cleaned
    return text


def language_asked(question: str, default: str) -> Language:
    """English or French: that of the question where it shows, else that of the page."""
    words = re.findall(r"[^\W\d_]+", question.lower())
    if len(words) < 3:
        return "fr" if default == "fr" else "en"
    asked = identify(question) or likelier(question, ("en", "fr"))
    return "fr" if asked == "fr" else "en"


def small_talk(question: str) -> Talk | None:
    """What kind of small talk it is, if it asks for nothing that posts could answer."""
    said = " ".join(question.lower().replace("’", "'").split()).strip(" .!?…,;:)(😀🙂👋")
    return next((kind for kind, pattern in _SMALL_TALK if pattern.fullmatch(said)), None)


def stand_alone(conversation: Sequence[Turn]) -> str:
    """The last question with what it takes from the ones before."""
    question = conversation[-1].text
    earlier = [turn.text for turn in conversation[:-1] if turn.role == "user"]
    earlier = [text for text in earlier if small_talk(text) is None]
    if not earlier or not _leans(question):
        return question
    have = {token.term for token in content_tokens(question)}
    carried: list[str] = []
    for text in reversed(earlier):
        for token in content_tokens(text):
            if token.term not in have and len(carried) < MOST_CARRIED:
                have.add(token.term)
                carried.append(text[token.start : token.end])
        if not _leans(text):
            break
    return f"{question} ({' '.join(carried)})" if carried else question


def says_too_little(question: str) -> bool:
    """Whether a question that stands alone has nothing to search for: "why?", "it does not work"."""
    content = content_tokens(question)
    complains = len(content) == 1 and _refers(question) and not _QUESTION.match(question.strip())
    return not content or (complains and "?" not in question)


def _refers(question: str) -> bool:
    language = language_asked(question, "en")
    words = re.findall(r"[^\W\d_]+", question.lower())
    return any(word in _REFERS[language] for word in words)


def _leans(question: str) -> bool:
    """Whether a question says too little by itself."""
    content = content_tokens(question)
    return (
        len(content) <= 1
        or (_refers(question) and len(content) <= 4)
        or (bool(_GOES_ON.match(question.strip())) and len(content) <= 4)
    )
