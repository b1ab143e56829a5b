"""Who said what about a use of an author's posts, and what counts. Pure.

Three answers: yes, no, or nothing said. What an author's network records and what the author says to
Myna are weighed use by use:

1. a no of either counts: neither can be used to get around the other;
2. else a yes of either counts, also where the operator's default is no;
3. else the operator's published default does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from myna.post import NO_USE, Use

POSTS = "app.bsky.feed.post"
"""The collection of an AT repository that Myna reads."""

Word = Literal["yes", "no"]
By = Literal["network", "member", "operator", "default"]

IMPLIED = Use.QUOTE | Use.EMBED | Use.GENERATE
"""What cannot be done with a post that must not be found."""


class Scope(StrEnum):
    """What a record of a network speaks of, the narrowest first."""

    ENTITY = "entity"
    """One consumer, named by its DID or domain."""
    COLLECTION = "collection"
    """One kind of records."""
    ACCOUNT = "account"
    """Everything of the account."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a record says."""

    use: Use
    word: Word
    why: str
    """A stable word: ``training``, ``#nobot``, ``!hide``, ``indexable`` …"""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one record of a network says."""

    family: str
    """Within a family the narrower scope counts; between families a no does."""
    says: tuple[Said, ...]
    scope: Scope = Scope.ACCOUNT
    target: str = ""
    """The DID or domain, or the collection."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said to Myna about one use."""

    use: Use
    word: Word
    by: Literal["member", "operator"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What counts for one use, who said it, and where."""

    word: Word
    by: By
    why: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """All that was said of an author's posts. A use without a ruling: nothing was said."""

    rulings: Mapping[Use, Ruling] = field(default_factory=dict)

    @property
    def refused(self) -> Use:
        """Uses with a no."""
        return _union(use for use, ruling in self.rulings.items() if ruling.word == "no")

    @property
    def allowed(self) -> Use:
        """Uses with a yes."""
        return _union(use for use, ruling in self.rulings.items() if ruling.word == "yes")

    def effective(self, default: Use) -> Use:
        """Uses that are refused, where ``default`` are those that are without anybody's word."""
        return effective(self.refused, self.allowed, default)

    def ruling(self, use: Use, default: Use) -> Ruling:
        """What counts for a use, also where nothing was said of it."""
        found = self.rulings.get(use)
        if found is not None and found.word == "no":
            return found
        if use in IMPLIED and Use.RETRIEVE in self.effective(default):
            above = self.ruling(Use.RETRIEVE, default)
            return Ruling("no", above.by, above.why or "retrieve")
        return found or Ruling("no" if use in default else "yes", "default")


def effective(refused: Use, allowed: Use, default: Use) -> Use:
    """Uses that are refused in the end: see the rules above. The store computes the same."""
    found = refused | (default & ~allowed)
    return found | IMPLIED if Use.RETRIEVE in found else found


def decide(
    statements: Iterable[Statement], choices: Iterable[Choice], names: Collection[str]
) -> Consent:
    """What counts. ``names`` are the DIDs and domains that this Myna is known by."""
    network = _of_network(statements, {name.lower() for name in names})
    chosen = {choice.use: choice for choice in choices}
    rulings: dict[Use, Ruling] = {}
    for use in Use:
        said, choice = network.get(use), chosen.get(use)
        if said and (said.word == "no" or choice is None):
            rulings[use] = Ruling(said.word, "network", said.why)
        elif choice:
            rulings[use] = Ruling(choice.word, choice.by)
    return Consent(rulings)


def _of_network(statements: Iterable[Statement], names: Collection[str]) -> dict[Use, Said]:
    families: dict[str, dict[Use, tuple[int, Said]]] = {}
    for statement in statements:
        rank = _rank(statement, names)
        if rank is None:
            continue
        family = families.setdefault(statement.family, {})
        for said in statement.says:
            known = family.get(said.use)
            if known is None or rank < known[0] or (rank == known[0] and said.word == "no"):
                family[said.use] = (rank, said)
    found: dict[Use, Said] = {}
    for _, family in sorted(families.items()):
        for use, (_, said) in family.items():
            if use not in found or (said.word == "no" and found[use].word == "yes"):
                found[use] = said
    return found


def _rank(statement: Statement, names: Collection[str]) -> int | None:
    """How narrow a statement is, 0 the narrowest; None where it does not speak of this Myna or of
    posts."""
    match statement.scope:
        case Scope.ENTITY:
            return 0 if statement.target.lower() in names else None
        case Scope.COLLECTION:
            return 1 if statement.target == POSTS else None
        case Scope.ACCOUNT:
            return 2


def _union(uses: Iterable[Use]) -> Use:
    found = NO_USE
    for use in uses:
        found |= use
    return found
