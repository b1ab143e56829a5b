"""Whether a post says what a sentence claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.support import claims_something, confidence, supporting
from myna.index.results import Hit
from tests.answer.posts import a_post, a_source, flat

QUESTION = "How do I mount an ISO file?"
MOUNT = a_source(1, "Use sudo mount -o loop file.iso /media/iso and it works.")
OTHER = a_source(2, "I had the same problem with my printer.")


@pytest.mark.parametrize(
    "sentence",
    [
        "You can mount it with sudo mount -o loop.",
        "Use `mount -o loop` with sudo.",
        "It is mounted on /media/iso.",
    ],
)
def test_what_the_post_says_is_supported(sentence: str) -> None:
    assert supporting(sentence, QUESTION, [OTHER, MOUNT], flat) == (1,)


@pytest.mark.parametrize(
    "sentence",
    [
        "You can mount it with furiusisomount.",
        "Use `mount -t iso9660`.",
        "You need version 12.04 to mount it with sudo mount -o loop.",
        "Martin says to use sudo mount -o loop.",
        "You mount an ISO file.",
        "sudo mount -o loop does not work.",
    ],
)
def test_what_it_does_not_say_is_not(sentence: str) -> None:
    assert supporting(sentence, QUESTION, [OTHER, MOUNT], flat) == ()


def test_a_reply_is_read_with_what_it_replies_to() -> None:
    source = a_source(1, "there is none, use sudo instead", "what is the root password?")
    question = "Is there a default?"
    assert supporting("There is no root password, use sudo.", question, [source], flat) == (1,)


def test_words_about_something_else_do_not_support() -> None:
    source = a_source(1, "sudo apt-get update tells you what is new")
    sentence = "You can use sudo apt-get update to list the installed kernel modules."
    assert supporting(sentence, "How do I list installed kernel modules?", [source], flat) == ()


def test_negation_has_to_agree() -> None:
    source = a_source(1, "The driver works with kernel 4.4 on my laptop.")
    question = "Is the driver ok?"
    assert supporting("It works with kernel 4.4.", question, [source], flat) == (1,)
    assert supporting("It never works with kernel 4.4.", question, [source], flat) == ()


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_checked(sentence: str, question: str, text: str) -> None:
    numbers = supporting(sentence, question, [a_source(7, text)], flat)
    assert numbers in {(), (7,)}


@pytest.mark.parametrize(
    ("sentence", "claims"),
    [
        ("Here is what I found:", False),
        ("…", False),
        ("Let me know if that works.", False),
        ("Use mount.", True),
    ],
)
def test_what_needs_a_post_behind_it(sentence: str, claims: bool) -> None:
    assert claims_something(sentence) is claims


def test_whom_a_reply_speaks_to_is_not_what_it_says() -> None:
    source = a_source(1, "asker: df -h", "what is the command to check free disk space?")
    question = "Which command shows free disk space?"
    assert supporting("Use df -h to check it.", question, [source], flat) == (1,)
    assert supporting("Use asker -h to check it.", question, [source], flat) == ()


def test_the_words_of_the_question_count_where_more_is_asked_of_a_sentence() -> None:
    source = a_source(1, "settings are stored in the home directory")
    sentence, question = "Grub settings are stored in the home directory.", "Where is grub stored?"
    assert supporting(sentence, question, [source], flat) == (1,)
    assert supporting(sentence, question, [source], flat, topic_share=0.9) == ()


def a_hit(score: float, coverage: float, cosine: float | None) -> Hit:
    return Hit(a_post(1, "text"), score, (), score / 2, cosine, coverage)


def test_confidence_grows_with_each_sign() -> None:
    weak = confidence([a_hit(15, 0.5, 0.4), a_hit(14.9, 0.5, 0.4)], QUESTION, flat)
    assert confidence([a_hit(30, 0.5, 0.4), a_hit(29.9, 0.5, 0.4)], QUESTION, flat) > weak
    assert confidence([a_hit(15, 1.0, 0.4), a_hit(14.9, 0.5, 0.4)], QUESTION, flat) > weak
    assert confidence([a_hit(15, 0.5, 0.8), a_hit(14.9, 0.5, 0.4)], QUESTION, flat) > weak
    assert confidence([a_hit(15, 0.5, 0.4), a_hit(7, 0.5, 0.4)], QUESTION, flat) > weak
    assert confidence([], QUESTION, flat) == 0.0


def test_confidence_does_without_vectors() -> None:
    assert confidence([a_hit(9, 1.0, None)], QUESTION, flat) > 5
