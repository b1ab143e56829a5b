"""The statistic of trends, and topics: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from myna.index.rising import LEAST_SCORE, MOST_SUBJECTS, Candidate, Rise, Window, rise, topics

QUIET = [Window(0, 1000)] * 24


def test_what_is_new_rises_and_what_is_usual_does_not() -> None:
    assert rise(Window(12, 1000), QUIET, [], 0.0).is_trend
    usual = [Window(40, 1000)] * 24
    assert not rise(Window(45, 1000), usual, [], 0.04).is_trend
    assert rise(Window(120, 1000), usual, [], 0.04).is_trend


def test_more_traffic_is_no_trend() -> None:
    usual = [Window(40, 1000)] * 24
    assert not rise(Window(400, 10_000), usual, [], 0.04).is_trend


def test_a_restless_past_asks_for_more() -> None:
    calm = rise(Window(40, 1000), [Window(10, 1000)] * 24, [], 0.01)
    restless = rise(Window(40, 1000), [Window(0, 1000), Window(20, 1000)] * 12, [], 0.01)
    assert calm.score > restless.score


def test_what_comes_each_day_at_this_hour_is_usual() -> None:
    morning = Window(60, 1000)
    assert rise(morning, QUIET, [], 0.001).is_trend
    assert not rise(morning, QUIET, [Window(58, 1000)] * 2, 0.001).is_trend


def test_without_a_past_all_posts_decide() -> None:
    nothing = [Window(0, 0)] * 24
    assert not rise(Window(5, 100), nothing, [], 0.05).is_trend
    assert rise(Window(12, 100), nothing, [], 0.0001).is_trend


@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5000)), max_size=30),
    st.floats(0, 1),
)
def test_more_authors_never_score_less(
    authors: int, past: list[tuple[int, int]], overall: float
) -> None:
    windows = [Window(*one) for one in past]
    less = rise(Window(authors, 1000), windows, windows[:2], overall)
    more = rise(Window(authors + 1, 1000), windows, windows[:2], overall)
    assert more.score > less.score
    assert more.expected == less.expected >= 0


def candidate(subject: str, score: float, posts: range) -> Candidate:
    return Candidate(subject, Rise(LEAST_SCORE + score, 0.0), 5, frozenset(posts))


def test_subjects_of_the_same_posts_are_one_topic() -> None:
    made = topics(
        [
            candidate("harbour", 1, range(10)),
            candidate("#ottawa", 3, range(12)),
            candidate("ferry", 2, range(20, 30)),
            candidate("late", 0, range(26, 40)),
        ]
    )
    assert [[one.subject for one in topic] for topic in made] == [
        ["#ottawa", "harbour"],
        ["ferry"],
        ["late"],
    ]


def test_a_topic_has_a_bounded_number_of_subjects() -> None:
    made = topics([candidate(f"word{n}", n, range(10)) for n in range(MOST_SUBJECTS + 3)])
    assert [len(topic) for topic in made] == [MOST_SUBJECTS]
