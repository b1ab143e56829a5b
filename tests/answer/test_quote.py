"""What is quoted as an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.quote import (
    LONGEST_QUOTE,
    asks,
    best_quotation,
    copies,
    passages,
    quotations,
    shortened,
)
from tests.answer.posts import a_source, flat

QUESTION = "How do I change the hostname?"


def test_a_question_is_no_answer_but_the_reply_to_it_is() -> None:
    asked = a_source(1, "how to change the hostname? anyone")
    reply = a_source(2, "edit /etc/hosts, then reboot", "how to change the hostname? anyone")
    found = best_quotation([asked, reply], QUESTION, flat)
    assert found is not None
    assert (found.source.number, found.words) == (2, "edit /etc/hosts, then reboot")
    assert found.asked == "how to change the hostname? anyone"
    assert [one.source.number for one in quotations([asked, reply], QUESTION, flat)] == [2]


def test_an_answer_by_name_is_a_reply_too() -> None:
    asked = a_source(1, "how do i change the hostname", author="dan")
    reply = a_source(2, "dan: sudo hostnamectl set-hostname box", author="eve")
    found = best_quotation([asked, reply], QUESTION, flat)
    assert found is not None
    assert (found.source.number, found.words) == (2, "sudo hostnamectl set-hostname box")
    assert found.asked == "how do i change the hostname"


def test_a_reply_to_another_question_does_not_answer_this_one() -> None:
    reply = a_source(1, "in the kitchen, near the window", "where is the printer? it is lost")
    assert best_quotation([reply], QUESTION, flat) is None


def test_what_people_say_of_themselves_is_no_way_to_do_it() -> None:
    oneself = a_source(1, "I'll change the hostname, brb")
    way = a_source(2, "change the hostname with sudo hostnamectl")
    found = best_quotation([oneself, way], QUESTION, flat)
    assert found is not None
    assert found.source.number == 2


def test_a_short_post_is_quoted_as_a_whole_and_a_long_one_around_its_best_sentence() -> None:
    short = "The root password is locked. Use sudo."
    found = best_quotation([a_source(1, short)], "What is the root password?", flat)
    assert found is not None
    assert found.words == short
    filler = "The weather was dull and nothing else happened on that long afternoon. "
    long = filler * 9 + "The root password is locked at first. " + filler * 9
    found = best_quotation([a_source(1, long)], "What is the root password?", flat)
    assert found is not None
    assert "The root password is locked at first." in found.words
    assert len(found.words) <= LONGEST_QUOTE


def test_a_sentence_that_only_repeats_the_quotation_is_a_copy() -> None:
    assert copies("Sudo apt-get install foo.", "just sudo apt-get install foo, it works")
    assert not copies("You can install it with apt-get.", "sudo apt-get install foo")


def test_passages_put_the_best_sentence_first() -> None:
    text = "Hello all. The printer needs the driver from the vendor. Bye."
    assert "printer" in passages(text, "Which driver does the printer need?", flat)[0][1]


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ("where is it?", True),
        ("Hi all i'm trying to change it", True),
        ("dan: how do i do this", True),
        ("i just want to know how to open it", True),
        ("use sudo", False),
        ("see http://forum.example/show?t=1", False),
    ],
)
def test_how_people_ask(text: str, asking: bool) -> None:
    assert asks(text) is asking


@given(st.text(max_size=400), st.text(max_size=200), st.text(max_size=200))
def test_any_post_can_be_quoted(text: str, parent: str, question: str) -> None:
    for one in quotations([a_source(1, text, parent), a_source(2, parent)], question, flat):
        assert one.words in (text if one.source.number == 1 else parent)
        assert len(shortened(one.words)) <= LONGEST_QUOTE
