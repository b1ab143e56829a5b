"""What rises: the statistic of trends, and subjects of the same posts made one topic. Pure.

A window's count of a subject is the number of authors who brought it up in their own words. It is
compared with a Poisson law of the mean that the subject's own past lets expect, widened where that
past was restless (quasi-Poisson: McCullagh and Nelder, Generalized Linear Models, 1989, 6.2.3). The
mean is a share of the traffic, smoothed by the subject's share in all posts (Dirichlet prior: Zhai
and Lafferty 2001). Significance against a moving past instead of plain counts follows SigniTrend
(Schubert, Weiler, Kriegel, KDD 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

LEAST_AUTHORS = 4
"""Who must speak of something before it can be a trend."""
LEAST_SCORE = 5.0
"""Standard deviations above the past: thousands of subjects are looked at, so 3 are often chance."""
PRIOR_POSTS = 300
"""What all posts together say about a subject weighs as much as so many posts of its past."""
FADING = 0.9
"""Weight of a window of the past against the one after it."""
LEAST_OVERLAP = 0.6
"""Share of a subject's posts that have a stronger one too, from which they are one topic."""
MOST_SUBJECTS = 5
"""Of a topic."""


class Window(NamedTuple):
    """A subject in a span of time, and the traffic of that span."""

    authors: float
    posts: float
    """Of all subjects."""


@dataclass(frozen=True, slots=True)
class Rise:
    """How a subject stands out from its past."""

    score: float
    """Standard deviations above what was to be expected."""
    expected: float
    """Authors that the past lets expect."""

    @property
    def is_trend(self) -> bool:
        """Whether it is worth telling, enough authors given."""
        return self.score >= LEAST_SCORE


def rise(now: Window, past: Sequence[Window], same_hour: Sequence[Window], overall: float) -> Rise:
    """``past`` are the windows before, the latest first; ``same_hour`` those of the same time of
    earlier days; ``overall`` is the subject's share in all posts, which decides where there is
    little past."""
    weights = [FADING**number for number in range(len(past))]
    share = _share(past, weights, overall)
    expected = now.posts * share
    if same_hour:
        daily = now.posts * _share(same_hour, [1.0] * len(same_hour), overall)
        expected = max(expected, daily)
    spread = _spread(past, weights, share)
    deviation = math.sqrt(spread * expected + 1.0)
    return Rise((now.authors - expected) / deviation, expected)


def _share(windows: Sequence[Window], weights: Sequence[float], overall: float) -> float:
    said = sum(w * one.authors for w, one in zip(weights, windows, strict=True))
    posts = sum(w * one.posts for w, one in zip(weights, windows, strict=True))
    return (said + PRIOR_POSTS * overall) / (posts + PRIOR_POSTS)


def _spread(past: Sequence[Window], weights: Sequence[float], share: float) -> float:
    """How much more the past varied than a Poisson law does: 1 where it did not."""
    off = sum(
        w * (one.authors - one.posts * share) ** 2 for w, one in zip(weights, past, strict=True)
    )
    expected = sum(w * one.posts * share for w, one in zip(weights, past, strict=True))
    return max(1.0, off / (expected + 1.0))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject that rises, with the newest of its posts."""

    subject: str
    rise: Rise
    authors: int
    posts: Set[int]


def topics(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Subjects that are said in the same posts, the strongest first and first of its topic."""
    made: list[list[Candidate]] = []
    for one in sorted(candidates, key=lambda one: (-one.rise.score, one.subject)):
        for topic in made:
            if _overlap(topic[0].posts, one.posts) >= LEAST_OVERLAP:
                if len(topic) < MOST_SUBJECTS:
                    topic.append(one)
                break
        else:
            made.append([one])
    return made


def _overlap(strong: Set[int], weak: Set[int]) -> float:
    return len(strong & weak) / len(weak) if weak else 0.0
