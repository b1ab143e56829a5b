"""From an answer to the posts that say it: parts within the network's limits, with links. Pure.

Each network counts in its own way (``feeds.account.Limits.measure``). Where words can be links, the
number of a source is one; elsewhere its address stands in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from myna.feeds.account import Limits, Link

_GRAPHEME = regex.compile(r"\X")
_SENTENCE_END = regex.compile(r"[.!?…。！？]['\"”’»)]*$")
_ELLIPSIS = "…"
_FAR = 0.5
"""A part is not ended at a sentence or word before this share of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text; one with a link stays whole."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A post of the reply."""

    text: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class _Atom:
    """What is never cut: a word with the space behind it, or a link."""

    text: str
    link: str | None = None


def parts_of(runs: Sequence[Run], limits: Limits) -> list[Part]:
    """Cut a reply into posts: at the end of a sentence where one is far enough on, else between
    words, else within a word. What does not fit into the last one is left out, which ends with …"""
    atoms = [atom for run in runs for atom in _atoms(run, limits)]
    parts: list[Part] = []
    while atoms and len(parts) < limits.parts:
        is_last = len(parts) == limits.parts - 1
        taken = _fitting(atoms, limits)
        if taken < len(atoms):
            if is_last:
                taken = _fitting(atoms, _less(limits))
            taken = _good_end(atoms, taken)
        chosen, atoms = atoms[:taken], atoms[taken:]
        cut = bool(atoms) and is_last
        part = _part(chosen, _ELLIPSIS if cut else "")
        if part.text:
            parts.append(part)
    return parts


def _less(limits: Limits) -> Limits:
    """Room for the mark of what is left out."""
    return Limits(limits.size - limits.measure(_ELLIPSIS), limits.parts, limits.measure)


def _atoms(run: Run, limits: Limits) -> list[_Atom]:
    if run.link:
        return [_Atom(run.text, run.link) if limits.links else _Atom(run.link, run.link)]
    found: list[_Atom] = []
    room = limits.size // 2
    for match in regex.finditer(r"\S+\s*|\s+", run.text):
        word = match.group()
        if limits.measure(word) <= room:
            found.append(_Atom(word))
            continue
        piece = ""
        for one in _GRAPHEME.findall(word):
            if limits.measure(one) > room:
                continue  # a "character" of hundreds of marks says nothing
            if piece and limits.measure(piece + one) > room:
                found.append(_Atom(piece))
                piece = ""
            piece += one
        if piece:
            found.append(_Atom(piece))
    return found


def _fitting(atoms: Sequence[_Atom], limits: Limits) -> int:
    """How many atoms from the first fit; at least one."""
    text = ""
    for number, atom in enumerate(atoms):
        text += atom.text
        if limits.measure(text.strip()) > limits.size:
            return max(1, number)
    return len(atoms)


def _good_end(atoms: Sequence[_Atom], taken: int) -> int:
    """Where the part ends: behind the last sentence, with the links behind it."""
    sizes = [len(atom.text) for atom in atoms[:taken]]
    enough = _FAR * sum(sizes)
    for end in range(taken, 0, -1):
        if sum(sizes[:end]) < enough:
            break
        if end < len(atoms) and atoms[end].link:
            continue  # a source stays with its sentence
        before = atoms[end - 1]
        if before.link or _SENTENCE_END.search(before.text.rstrip()):
            return end
    while taken > 1 and taken < len(atoms) and atoms[taken].link:
        taken -= 1
    return taken


def _part(atoms: Sequence[_Atom], end: str) -> Part:
    text, links = "", []
    for atom in atoms:
        start = len(text)
        text += atom.text if text or atom.link else atom.text.lstrip()
        if atom.link:
            links.append(Link(start, len(text), atom.link))
    text = text.rstrip()
    return Part(text + end if text else "", tuple(links))
