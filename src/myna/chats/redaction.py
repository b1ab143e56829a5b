"""Taking out of an answer what rests on a post that may not be used any more. Pure.

A span that cites such a post goes, with every word in it; a mark stands in its place, and a span of
the kind ``removed`` over the mark says why, so that each reader is told in the own language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from myna.db.chats import Progress
from myna.db.grounds import Ground, Present, Reason
from myna.post import Use

MARKS: Mapping[Reason, str] = {
    "deleted": "[removed: the author deleted the post]",
    "withdrawn": "[removed: the author does not allow this use any more]",
    "edited": "[removed: the author changed the post]",
    "expired": "[removed: the post is not kept any more]",
    "hidden": "[removed: the post cannot be seen now]",
}
"""For programs and for the text as such; the app says it in the reader's language."""
_RELEVANT = Use.RETRIEVE | Use.QUOTE | Use.GENERATE
_GRAVEST: tuple[Reason, ...] = ("deleted", "withdrawn", "edited", "expired", "hidden")


def reason_of(ground: Ground, present: Present | None) -> Reason | None:
    """Why what an answer took from a post may not stand any more; None where it may. ``present``
    is None where the post's row is gone."""
    if present is None or present.expired:
        return "expired"
    if present.deleted:
        return "deleted"
    if present.refused & ~ground.refused & _RELEVANT:
        return "withdrawn"
    if present.hidden:
        return "hidden"
    edited = ground.digest is not None and ground.digest != present.digest
    return "edited" if edited else None


@dataclass(frozen=True, slots=True)
class Loss:
    """That a source may not stand, by the gravest reason, and for which post."""

    reason: Reason
    post_id: int


def losses(grounds: Iterable[Ground], present: Mapping[int, Present]) -> dict[int, Loss]:
    """Shown number → why it may not stand; those that may are not among them."""
    found: dict[int, Loss] = {}
    for ground in grounds:
        reason = reason_of(ground, present.get(ground.post_id))
        if reason is None:
            continue
        known = found.get(ground.number)
        if known is None or _GRAVEST.index(reason) < _GRAVEST.index(known.reason):
            found[ground.number] = Loss(reason, ground.post_id)
    return found


def reasons(found: Mapping[int, Loss]) -> dict[int, Reason]:
    """Shown number → why."""
    return {number: loss.reason for number, loss in found.items()}


def redact(progress: Progress, gone: Mapping[int, Reason]) -> Progress:
    """The answer without what rests on the numbers of ``gone``; the same object where that is
    nothing. Doing it again changes nothing."""
    if not any(_reason(span, gone) for span in progress.spans):
        return progress
    pieces: list[str] = []
    spans: list[Mapping[str, Any]] = []
    at = length = 0
    for span in sorted(progress.spans, key=lambda one: (one["start"], one["end"])):
        start, end = max(at, span["start"]), max(at, span["end"])
        before = progress.text[at:start]
        reason = _reason(span, gone)
        last = spans[-1] if spans else None
        if reason and last and last.get("reason") == reason and not before.strip():
            numbers = {*last["numbers"], *_numbers(span, gone)}
            spans[-1] = {**last, "numbers": sorted(numbers)}
            at = end
            continue
        words = MARKS[reason] if reason else progress.text[start:end]
        pieces += [before, words]
        begin = length + len(before)
        length = begin + len(words)
        made = {**span, "start": begin, "end": length}
        if reason:
            made |= {"kind": "removed", "numbers": _numbers(span, gone), "reason": reason}
        spans.append(made)
        at = end
    pieces.append(progress.text[at:])
    return replace(progress, text="".join(pieces), spans=tuple(spans))


def rests_on_parent(text: str, spans: Sequence[Mapping[str, Any]], number: int, words: str) -> bool:
    """Whether a sentence that cites ``number`` has three words in a row of the post above it."""
    above = words.split()
    runs = {tuple(above[n : n + 3]) for n in range(max(1, len(above) - 2))} if above else set()
    for span in spans:
        if number not in span["numbers"]:
            continue
        said = [word.strip("“”«»\"'…") for word in text[span["start"] : span["end"]].split()]
        length = min(3, len(above))
        if any(tuple(said[n : n + length]) in runs for n in range(len(said) - length + 1)):
            return True
    return False


def _reason(span: Mapping[str, Any], gone: Mapping[int, Reason]) -> Reason | None:
    if span["kind"] != "citation":
        return None
    found = {gone[number] for number in span["numbers"] if number in gone}
    return next((reason for reason in _GRAVEST if reason in found), None)


def _numbers(span: Mapping[str, Any], gone: Mapping[int, Reason]) -> list[int]:
    return [number for number in span["numbers"] if number in gone]
