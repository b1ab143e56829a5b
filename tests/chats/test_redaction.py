"""Taking out of an answer what rests on a post that is gone: all of it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.chats.redaction import MARKS, Loss, losses, reason_of, redact, rests_on_parent
from myna.db.chats import Progress
from myna.db.grounds import PARENT, POST, Ground, Present, Reason
from myna.post import Use


def span(kind: str, start: int, end: int, *numbers: int) -> dict[str, Any]:
    return {"kind": kind, "start": start, "end": end, "numbers": list(numbers)}


@st.composite
def answers(draw: st.DrawFn) -> tuple[Progress, list[str]]:
    """An answer with spans, and the words of each span."""
    text, spans, words = "", [], []
    for n in range(draw(st.integers(0, 6))):
        text += draw(st.sampled_from(["", " ", "\n\n", " and "]))
        said = f"<{n}>" + draw(st.text(alphabet="ab é🐦", max_size=5))
        kind = draw(st.sampled_from(["citation", "unsupported"]))
        numbers = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True))
        spans.append(
            span(kind, len(text), len(text) + len(said), *(numbers if kind == "citation" else ()))
        )
        words.append(said)
        text += said
    return Progress("done", text=text + draw(st.sampled_from(["", "."])), spans=tuple(spans)), words


gone = st.dictionaries(
    st.integers(1, 4), st.sampled_from(["deleted", "withdrawn", "edited", "hidden"]), max_size=3
)


@given(answers(), gone)
def test_what_rests_on_gone_posts_goes_and_the_rest_stays(
    answer: tuple[Progress, list[str]], gone: dict[int, Reason]
) -> None:
    progress, words = answer
    redacted = redact(progress, gone)
    kept = [
        said
        for one, said in zip(progress.spans, words, strict=True)
        if one["kind"] == "unsupported" or gone.keys().isdisjoint(one["numbers"])
    ]
    for said in words:
        assert (said.split(">")[0] in redacted.text) == (said in kept)
    still = [one for one in redacted.spans if one["kind"] != "removed"]
    assert [redacted.text[one["start"] : one["end"]] for one in still] == kept
    end = 0
    for one in redacted.spans:
        assert end <= one["start"] <= one["end"] <= len(redacted.text)
        end = one["end"]
        if one["kind"] == "removed":
            assert redacted.text[one["start"] : end] == MARKS[one["reason"]]
            assert set(one["numbers"]) <= gone.keys()
    assert redact(redacted, gone) is redacted
    if len(kept) == len(words):
        assert redacted is progress


def test_neighbours_become_one_mark() -> None:
    text = "First said. Second said. Third said."
    progress = Progress(
        text=text,
        spans=(
            span("citation", 0, 11, 1),
            span("citation", 12, 24, 1, 2),
            span("citation", 25, 36, 3),
        ),
    )
    redacted = redact(progress, {1: "deleted", 2: "edited"})
    assert redacted.text == f"{MARKS['deleted']} Third said."
    assert [one["kind"] for one in redacted.spans] == ["removed", "citation"]
    assert redacted.spans[0]["numbers"] == [1, 2]
    again = redact(redacted, {3: "withdrawn"})
    assert again.text == f"{MARKS['deleted']} {MARKS['withdrawn']}"


NOW = Present(deleted=False, expired=False, hidden=False, digest=7, refused=Use.TRAIN)


@pytest.mark.parametrize(
    ("present", "reason"),
    [
        (NOW, None),
        (None, "expired"),
        (Present(True, False, False, 0, Use(0)), "deleted"),
        (Present(True, True, False, 0, Use(0)), "expired"),
        (Present(False, False, True, 7, Use(0)), "hidden"),
        (Present(False, False, False, 8, Use(0)), "edited"),
        (Present(False, False, False, 7, Use.QUOTE), "withdrawn"),
        (Present(False, False, False, 7, Use.RETRIEVE), "withdrawn"),
        (Present(False, False, False, 7, Use.TRAIN | Use.EMBED), None),
        (Present(False, False, False, 7, Use.GENERATE), None),
    ],
)
def test_why_an_answer_may_not_stand(present: Present | None, reason: Reason | None) -> None:
    assert reason_of(Ground(1, POST, 5, 7, Use.GENERATE), present) == reason


def test_a_source_goes_with_what_it_replies_to_for_the_gravest_reason() -> None:
    grounds = [Ground(1, POST, 5, 8), Ground(1, PARENT, 6, 7), Ground(2, POST, 9, None)]
    present = {5: NOW, 6: Present(True, False, False, 0, Use(0)), 9: NOW}
    assert losses(grounds, present) == {1: Loss("deleted", 6)}


def test_an_answer_rests_on_a_question_that_it_repeats() -> None:
    text = "Asked “how do I mount it?”, @bob answered: “use mount -o loop”"
    spans = [span("citation", 0, len(text), 1)]
    assert rests_on_parent(text, spans, 1, "hello, how do I mount it?")
    assert not rests_on_parent(text, spans, 2, "hello, how do I mount it?")
    assert not rests_on_parent(text, spans, 1, "what is a loop device")
    assert not rests_on_parent(text, spans, 1, "")
