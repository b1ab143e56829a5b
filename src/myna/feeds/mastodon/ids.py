"""What an instance's numbers stand for: a deletion and a reply name a status by its number there.

What was seen lately is in memory; the rest is in the store, beside the posts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

REMEMBERED = 10_000

Known = Callable[[Sequence[str]], Mapping[str, str]]
"""From numbers to addresses, of those that the store has."""


class Ids:
    """The numbers of one instance."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._recent: OrderedDict[str, str | None] = OrderedDict()

    def remember(self, id: str, uri: str | None) -> None:
        """Note what a number stands for; None where that cannot be told."""
        self._recent[id] = uri
        self._recent.move_to_end(id)
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    def uri_of(self, id: str) -> str | None:
        """The address, where it is known."""
        return self.find([id]).get(id)

    def find(self, ids: Iterable[str]) -> dict[str, str | None]:
        """The addresses of those numbers that are known, or known not to be told."""
        found = {id: self._recent[id] for id in ids if id in self._recent}
        if missing := [id for id in dict.fromkeys(ids) if id not in found]:
            for id, uri in self._known(missing).items():
                self.remember(id, uri)
                found[id] = uri
        return found
