"""A memory of words: what was computed for one is looked up from then on, and what has not been
met for long is forgotten, so that words which come once do not push out those that come always."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

Value = TypeVar("Value")


class Recent(dict[str, Value]):
    """Word → value. A dictionary, because it is the hot loop of indexing: a known word costs one
    look-up. It holds between ``most`` and twice as many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._before: dict[str, Value] = {}

    @abstractmethod
    def make(self, word: str) -> Value:
        """The value of a word that is not known."""

    def __missing__(self, word: str) -> Value:
        if len(self) >= self._most:
            self._before = dict(self)
            self.clear()
        value = self._before.get(word)
        if value is None:
            value = self.make(word)
        self[word] = value
        return value
