"""A memory of words: bounded, and what comes always stays."""

from __future__ import annotations

from myna.index.recent import Recent


class Lengths(Recent[int]):
    def __init__(self) -> None:
        super().__init__(10)
        self.made: list[str] = []

    def make(self, word: str) -> int:
        self.made.append(word)
        return len(word)


def test_what_comes_always_is_made_once_and_the_rest_is_forgotten() -> None:
    lengths = Lengths()
    for number in range(100):
        assert lengths["always"] == 6
        assert lengths[f"once {number}"] == len(f"once {number}")
        assert len(lengths) <= 10
    assert lengths.made.count("always") == 1
    assert lengths["once 1"] == 6
    assert lengths.made.count("once 1") == 2
