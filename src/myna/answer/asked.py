"""What kind of thing a question asks for, and whether words say such a thing. Pure.

Somebody who asks "when" wants a time, and a sentence without one is no answer, however many words
of the question it has. Only kinds that words themselves show are told apart here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

PAGE = re.compile(r"\b\w+://\S+|\bwww\.\S+")
"""An address of a page in a text."""
_ASKS_WHEN = re.compile(
    r"\b(?:when (?:did|was|were|is|are|will|does|do|has|have)|(?:what|which) (?:year|day|date|time"
    r"|month|decade|century)|(?:quand|(?:en )?quelle (?:année|date|heure)))\b",
    re.IGNORECASE,
)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|old|tall|long|big|far|large|high|heavy|fast|deep|often)\b"
    r"|\b(?:what|which) (?:number|percentage|percent|age|amount|price)\b|\bcombien\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)day|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|1[5-9]\d\d|20\d\d|\d{1,2}:\d\d|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d{1,2} ?[ap]\.?m|\d0s"
    r"|yesterday|today|tonight|tomorrow|morning|evening|afternoon|midnight|noon|christmas|easter"
    r"|(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|few|couple of|last|next|this"
    r"|every|each|many|several|early|late|of|in|end of) (?:years?|months?|weeks?|days?|hours?"
    r"|minutes?|decades?|spring|summer|fall|autumn|winter|night|age)|centur(?:y|ies)|years ago"
    r"|hier|aujourd['’]hui|demain|(?:\d+|un|une|deux|trois|quelques|chaque|cette?|ce|en|il y a) "
    r"(?:ans?|années?|mois|semaines?|jours?|heures?)|siècles?)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|dozens?"
    r"|hundreds?|thousands?|millions?|billions?|half|twice|once|couple|both|none|no|nobody|all"
    r"|many|few|several|every|never|always|daily|weekly|yearly|forever|un|une|deux|trois|quatre"
    r"|cinq|six|sept|huit|neuf|dix|cent|mille|aucun|plusieurs)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\W*(?:what(?:['’]?s| is| are| was| were)|define|explain|c['’]est quoi"
    r"|qu['’]est[- ]ce (?:que |qu['’])(?:c['’]est (?:que |qu['’]))?)"
    r"\s*(?:(?:an?|the|une?|les?|la)\s+|l['’])?(?P<name>[^\s?!.,][^?!,]{0,38}?)\s*[?!.]*\s*"
    r"|\W*what (?:does|do) (?P<said>[^\s?!.,][^?!,]{0,38}?) (?:mean|stand for)\s*[?!.]*\s*"
    r"|\W*que (?:veut dire|signifie) (?P<dit>[^\s?!.,][^?!,]{0,38}?)\s*[?!.]*\s*",
    re.IGNORECASE,
)
_MOST_WORDS_OF_SUBJECT = 3
_IS = (
    r"['’\"”*)]*(?:\s+\([^)]{1,40}\))?\s+(?:(?:just|simply|basically|also)\s+)?"
    r"(?:(?:is|are|was|were|est|sont)\s+(?:an?|the|une?|les?|la|short for|what|when|like)\b"
    r"|means?\s+(?!that\b|you\b)|stands?\s+for\b|refers?\s+to\b|signifie\b|veut dire\b)"
)

_VERBS = ("is", "are", "means", "stands for", "est", "signifie")

Says = Callable[[str], bool]


def kind_asked(question: str) -> Says | None:
    """How to see that words say what kind of thing is asked for; None where any words could.

    What the question itself says ("Ubuntu 8.04") does not count, nor what stands in an address.
    """
    if _ASKS_WHEN.search(question):
        pattern = _TIME
    elif _ASKS_NUMBER.search(question):
        pattern = _NUMBER
    else:
        return None
    given = {found.group().casefold() for found in re.finditer(r"[\w.,:/-]*\w", question)}

    def says(words: str) -> bool:
        shown = PAGE.sub(" ", words)
        found = re.finditer(r"[\w.,:/-]*\w", shown)
        rest = " ".join(one.group() for one in found if one.group().casefold() not in given)
        return bool(pattern.search(rest))

    return says


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a question asks the meaning of ("What is LTS?")."""

    subject: str

    @property
    def query(self) -> str:
        """What to search for: sentences that begin to say it."""
        return " OR ".join(f'"{self.subject} {verb}"' for verb in _VERBS)

    def given_in(self, words: str) -> bool:
        """Whether words say what the thing is."""
        pattern = rf"(?<![\w-]){re.escape(self.subject)}{_IS}"
        return bool(re.search(pattern, words, re.IGNORECASE))


def meaning_asked(question: str) -> Meaning | None:
    """What a question asks the meaning of; None where it asks something else."""
    found = _SUBJECT.fullmatch(question)
    if found is None:
        return None
    subject = next(group for group in found.groups() if group).replace('"', "").strip()
    return Meaning(subject) if 0 < len(subject.split()) <= _MOST_WORDS_OF_SUBJECT else None
