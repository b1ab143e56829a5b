"""What an answer is worth, and that nobody gets it for less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.train.examples import Example, Told
from myna.train.rewards import (
    REWARDS,
    WEIGHTS,
    citation,
    idf_of,
    judge,
    length,
    marked,
    refusal_in,
    reward,
    said,
    support,
)

QUESTION = "How do I list the disks of this machine?"
POSTS = (
    Told(1, "ana", "Run lsblk in a terminal, it lists disks and their partitions.", 0),
    Told(2, "bea", "The harbour museum opens again on sunday morning.", 1),
    Told(3, "cleo", "My old disks were so loud that I sold them.", 2),
)
RIGHT = "Run lsblk in a terminal [1]."
ASKED = Example(QUESTION, "en", POSTS, (), RIGHT, (1,), ())
DUE = Example(QUESTION, "en", POSTS[1:], (), refusal_in("en"), (), ())
IDF = idf_of([*(told.text for told in POSTS), "the of a this it"])


def worth(text: str, example: Example = ASKED) -> float:
    return reward(example, text, IDF)


def test_the_right_answer_has_it_all() -> None:
    assert worth(RIGHT) == pytest.approx(1.0)
    assert worth("Run lsblk in a terminal. [1]") == pytest.approx(1.0)
    assert worth("Run lsblk [1], in a terminal.") == pytest.approx(1.0)
    assert worth(refusal_in("en"), DUE) == pytest.approx(1.0)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    assert WEIGHTS.keys() == REWARDS.keys()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "[1] [1] [1]",
        "Yes [1].",
        refusal_in("en"),
        refusal_in("fr"),
        f"{refusal_in('en')} [1]",
        QUESTION,
        f"{QUESTION} [1]",
        "How do I list the disks of this machine [1].",
        "It depends on what you want [1].",
        "Reformat the drive with mkfs [1].",
        "Never run lsblk in a terminal [1].",
        "Here is what I found: reformat the drive with mkfs.",
        "The answer is 42:",
        "The harbour museum opens again on sunday morning [1].",
        "The harbour museum opens again on sunday morning [2].",
        "My old disks were so loud that I sold them [3].",
        "<think>Run lsblk</think> Run lsblk in a terminal [1].",
        "Run lsblk in a terminal [1].<|im_end|>",
        "Posts: [1] [2] [3] Question: Answer in one short sentence using only the posts.",
    ],
)
def test_no_answer_has_nothing(text: str) -> None:
    assert worth(text) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Run lsblk in a terminal.",
        "Run lsblk in a terminal [2].",
        "Run lsblk in a terminal [1][2][3].",
        "Run lsblk in a terminal [1, 2, 3].",
        "Run lsblk in a terminal [1-3].",
        "Run lsblk in a terminal [9].",
        "Run lsblk in a terminal `[1]`.",
    ],
)
def test_a_wrong_mark_or_none_earns_no_citation(text: str) -> None:
    assert citation(judge(ASKED, text, IDF)) == 0.0
    assert worth(text) <= worth(RIGHT) - WEIGHTS["citation"]


@pytest.mark.parametrize(
    "text",
    [
        f"{RIGHT} Reformat the drive with mkfs [1].",
        f"{RIGHT} {RIGHT} {RIGHT}",
        f"{RIGHT} Run lsblk in a terminal [1].",
        f"Reformat the drive with mkfs:\n{RIGHT}",
    ],
)
def test_what_stands_beside_the_answer_is_checked_too(text: str) -> None:
    judged = judge(ASKED, text, IDF)
    assert support(judged) < 1 and citation(judged) < 1
    assert worth(text) < worth(RIGHT)


@pytest.mark.parametrize(
    "text", [f"{refusal_in('en')} {RIGHT}", f"{RIGHT} {refusal_in('en')}", "I found no post."]
)
def test_to_refuse_and_to_answer_at_once_has_nothing(text: str) -> None:
    assert worth(text) == worth(text, DUE) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        "My old disks were so loud that I sold them [3].",
        "I do not know.",
        f"{refusal_in('en')} But lsblk lists them.",
        f"{refusal_in('en')} {refusal_in('en')}",
        "",
    ],
)
def test_where_a_refusal_is_due_nothing_else_counts(text: str) -> None:
    assert worth(text, DUE) == 0.0


def test_a_refusal_in_another_language_is_worth_less() -> None:
    assert 0 < worth(refusal_in("fr"), DUE) < worth(refusal_in("en"), DUE)


def test_an_answer_in_another_language_is_worth_less() -> None:
    post = Told(1, "ana", "Lancez lsblk dans un terminal pour voir les disques de la machine.", 0)
    example = Example(QUESTION, "en", (post,), (), "", (1,), ())
    text = "Lancez lsblk dans un terminal pour voir les disques de la machine [1]."
    judged = judge(example, text, idf_of([post.text, "x"]))
    assert support(judged) == 1.0 and not judged.language


def test_a_long_answer_is_worth_less_and_less() -> None:
    long = " ".join(f"word{n}" for n in range(60))
    longer = " ".join(f"word{n}" for n in range(90))
    told = [Told(1, "ana", f"Run lsblk {longer}.", 0)]
    example = Example(QUESTION, "en", tuple(told), (), "", (1,), ())
    idf = idf_of([told[0].text, "x"])
    lengths = [
        length(judge(example, text, idf))
        for text in ("Run lsblk word1 [1].", f"Run lsblk {long} [1].", f"Run lsblk {longer} [1].")
    ]
    assert lengths[0] == 1.0 > lengths[1] > 0.0 == lengths[2]


def test_marks_stand_before_the_full_stop() -> None:
    assert marked("Run lsblk.", [1, 3]) == "Run lsblk [1][3]."
    assert marked("Run lsblk", [2]) == "Run lsblk [2]"
    told = said("Run lsblk. [1][3] Or fdisk [2, 4]! See `a[5]`.")
    assert [(one.text, one.marks) for one in told] == [
        ("Run lsblk.", (1, 3)),
        ("Or fdisk!", (2, 4)),
        ("See `a[5]`.", ()),
    ]


@given(st.lists(st.sampled_from([*" ".join(t.text for t in POSTS).split(), "[1]", "[2]", ".", "\n", "not", "42"]), max_size=30))  # fmt: skip
def test_any_text_is_worth_between_nothing_and_all(words: list[str]) -> None:
    text = " ".join(words)
    for example in (ASKED, DUE):
        judged = judge(example, text, IDF)
        each = [one(judged) for one in REWARDS.values()]
        assert all(0.0 <= one <= 1.0 for one in each)
        assert worth(text, example) == 0.0 or judged.earns
