"""What is asked: small talk, the language, and follow-ups made to stand alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.events import Turn
from myna.answer.question import language_asked, neutral, small_talk, stand_alone


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("hi", "greeting"),
        ("Hello Myna!", "greeting"),
        ("Bonjour !", "greeting"),
        ("thanks a lot", "thanks"),
        ("ok, thanks!", "thanks"),
        ("merci beaucoup", "thanks"),
        ("Who are you?", "identity"),
        ("are you a bot?", "identity"),
        ("Are you human or AI?", "identity"),
        ("qui es-tu ?", "identity"),
        ("Es-tu une IA ?", "identity"),
        ("hi, how do I mount an ISO?", None),
        ("who are the maintainers?", None),
        ("thanks to whom was it fixed?", None),
        ("what do you do when grub fails?", None),
        ("Why?", None),
    ],
)
def test_small_talk(said: str, kind: str | None) -> None:
    assert small_talk(said) == kind


def talk(*texts: str) -> list[Turn]:
    return [
        Turn("user" if number % 2 == 0 else "assistant", text) for number, text in enumerate(texts)
    ]


def test_a_follow_up_takes_over_what_it_is_about() -> None:
    alone = stand_alone(talk("How do I install the nvidia driver?", "Use apt.", "and on Debian?"))
    assert "and on Debian?" in alone
    assert "nvidia" in alone
    assert "driver" in alone


def test_a_chain_of_follow_ups_reaches_back() -> None:
    alone = stand_alone(
        talk("How do I install the nvidia driver?", "So.", "and on Debian?", "So.", "does it work?")
    )
    assert "nvidia" in alone
    assert "Debian" in alone


def test_a_new_question_takes_nothing_over() -> None:
    question = "Which desktop environment uses the least memory on old laptops?"
    assert stand_alone(talk("How do I install nvidia?", "Use apt.", question)) == question


def test_small_talk_before_it_is_not_taken_over() -> None:
    assert stand_alone(talk("hello", "Hello!", "and why?")) == "and why?"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=7))
def test_any_conversation_keeps_its_question(texts: list[str]) -> None:
    conversation = [*talk(*texts[:-1]), Turn("user", texts[-1])]
    assert stand_alone(conversation).startswith(texts[-1])


@pytest.mark.parametrize(
    ("question", "page", "language"),
    [
        ("Comment installer le pilote de ma carte ?", "en", "fr"),
        ("How do I install the driver of my card?", "fr", "en"),
        ("grub?", "fr", "fr"),
        ("grub?", "en", "en"),
    ],
)
def test_language(question: str, page: str, language: str) -> None:
    assert language_asked(question, page) == language


@given(st.text(), st.sampled_from(["<|im_start|>", "<|im_end|>", "</s>", "[INST]", "<</SYS>>"]))
def test_control_tokens_are_taken_out(text: str, token: str) -> None:
    assert token not in neutral(text + token + text)


def test_control_tokens_that_others_hide_are_taken_out() -> None:
    assert "im_start" not in neutral("<|im_<|x|>start|>").replace(" ", "") or "<|" not in neutral(
        "<|im_<|x|>start|>"
    )
