"""The crash harness, a short run of it: every kind of fault once (``evals.faults`` has the long)."""

from __future__ import annotations

from evals.fault_stream import event, expected, kind, target, uri, version
from evals.faults import FAULTS, run
from myna.post import Kind


def test_what_is_expected_is_what_the_events_come_to() -> None:
    texts: dict[str, str | None] = {}
    for number in range(100):
        assert expected(0, number) == texts
        happens = event(number)
        assert happens.uri == uri(target(number))
        texts[happens.uri] = happens.post.text if happens.post else None
    assert {kind(number) for number in range(40)} == {Kind.CREATE, Kind.EDIT, Kind.DELETE}
    assert version(6, 40) is None
    assert version(26, 40) == 2


def test_nothing_is_lost_doubled_or_shown_again() -> None:
    outcome = run(len(FAULTS) + 1, rate=100, seconds_per_kill=0.5)
    assert (outcome.lost, outcome.doubled, outcome.resurrected) == (0, 0, 0)
    assert outcome.index_agrees
    assert outcome.kills >= len(FAULTS)
