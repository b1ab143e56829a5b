"""What kind of thing a question asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.asked import kind_asked, meaning_asked


@pytest.mark.parametrize(
    ("question", "words", "said"),
    [
        ("When was Ubuntu 8.04 released?", "It came out in April 2008.", True),
        ("When was Ubuntu 8.04 released?", "get it: http://a.example/2008/8.04.iso", False),
        ("When was Ubuntu 8.04 released?", "Ubuntu 8.04 was released", False),
        ("What year did it start?", "It began in 1999", True),
        ("Quand est sortie la 8.04 ?", "en avril, je crois", True),
        ("How many cores does it have?", "It has four.", True),
        ("How many cores does it have?", "It has cores.", False),
        ("How much RAM do I need?", "512 MB will do", True),
    ],
)
def test_a_time_or_a_number(question: str, words: str, said: bool) -> None:
    says = kind_asked(question)
    assert says is not None
    assert says(words) is said


@pytest.mark.parametrize("question", ["How do I mount it?", "Why?", "What is it like?", "when"])
def test_other_questions_take_any_words(question: str) -> None:
    assert kind_asked(question) is None


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What is LTS?", "LTS"),
        ("what's a PPA", "PPA"),
        ("What does LTS mean?", "LTS"),
        ("define sudo", "sudo"),
        ("Qu'est-ce que GRUB ?", "GRUB"),
        ("What is the root password of the live CD of Ubuntu?", None),
        ("What did he say?", None),
        ("How do I mount it?", None),
    ],
)
def test_whose_meaning_is_asked_for(question: str, subject: str | None) -> None:
    meaning = meaning_asked(question)
    assert (meaning.subject if meaning else None) == subject


@pytest.mark.parametrize(
    ("words", "given_there"),
    [
        ("LTS means Long Term Support.", True),
        ("An LTS (it is old) is a release that is kept for years", True),
        ("ann: lts stands for long term support", True),
        ("LTS is broken", False),
        ("is LTS the one?", False),
        ("non-LTS is the newer one", False),
    ],
)
def test_where_a_meaning_is_given(words: str, given_there: bool) -> None:
    meaning = meaning_asked("What is LTS?")
    assert meaning is not None
    assert meaning.given_in(words) is given_there


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_words_can_be_looked_at(question: str, words: str) -> None:
    says, meaning = kind_asked(question), meaning_asked(f"what is {question}?")
    if says:
        says(words)
    if meaning:
        meaning.given_in(words)
        assert meaning.query
