"""What is told of a post, line by line, each with the posts that it rests on. Pure.

A line that names somebody or has words of a post rests on that post, so that it goes when the post
goes. Counts rest on nothing and name nobody. No line says whether something is true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from myna.answer.asked import PAGE
from myna.answer.attached import alt_texts
from myna.answer.phrases import Language, counted, phrase
from myna.answer.quote import shortened
from myna.answer.stance import Stance, says_the_same, sides, stance
from myna.answer.subject import Subject
from myna.answer.support import Idf
from myna.answer.telling import most_telling, subjects, words_of
from myna.index.origins import first_of_each
from myna.index.results import Hit
from myna.post import StoredPost

NEAR_COVERAGE = 0.35
"""Share of a post's words that another must have to be on the same subject."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence or two, and the posts that say it."""

    text: str
    posts: tuple[StoredPost, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be told."""

    quote: int
    """Characters of a quotation."""
    each: int
    """Quotations of a kind."""


class Voice(NamedTuple):
    """How it is told."""

    idf: Idf
    room: Room
    language: Language


WHOLE = Room(280, 3)
BRIEF = Room(110, 1)
"""For a reply on a network."""


def explaining(
    subject: Subject,
    replies: Sequence[StoredPost],
    meanings: Sequence[tuple[str, Hit]],
    hits: Sequence[Hit],
    voice: Voice,
) -> list[Line]:
    """What a post says, answers, quotes and shows, what its words mean, and what else is said of it."""
    idf, room, language = voice
    post = subject.post
    lines = [_line("wrote_on", post, room, language, date=_day(post))]
    lines += [
        Line(
            phrase("pictured", language, author=_by(post), text=shortened(alt, room.quote)), (post,)
        )
        for alt in alt_texts(post.post.raw)[: room.each]
    ]
    if subject.above:
        lines.append(_line("replied_to", subject.above[-1], room, language))
    if len(subject.above) > 1:
        lines.append(_line("begins", subject.first, room, language))
    if subject.quoted:
        lines.append(_line("quotes", subject.quoted, room, language))
        lines += [
            Line(
                phrase("pictured", language, author=_by(subject.quoted), text=shortened(alt)),
                (subject.quoted,),
            )
            for alt in alt_texts(subject.quoted.post.raw)[:1]
        ]
    told = {one.id for line in lines for one in line.posts}
    for term, hit in meanings[: room.each]:
        if hit.post.id not in told:
            told.add(hit.post.id)
            lines.append(_line("means", hit.post, room, language, term=term))
    fresh = [one for one in replies if one.id not in told]
    for reply in most_telling(fresh, idf, room.each, taken=[post]):
        told.add(reply.id)
        lines.append(_line("answers", reply, room, language))
    others = sum(
        hit.copies for hit in hits if says_the_same(hit.post.post.text, post.post.text, idf)
    )
    if others:
        lines.append(Line(phrase("copied", language, posts=counted(others, "others", language))))
    near = [
        hit.post
        for hit in hits
        if hit.coverage >= NEAR_COVERAGE
        and hit.post.id not in told
        and not says_the_same(hit.post.post.text, post.post.text, idf)
    ]
    lines += [_line("elsewhere", one, room, language) for one in near[: max(1, room.each - 1)]]
    return lines


def summing_up(subject: Subject, voice: Voice) -> list[Line]:
    """Who says what in a thread, and where they agree and differ."""
    idf, room, language = voice
    thread = subject.thread
    first = subject.first
    if len(thread) < 2:
        alone = Line(phrase("thread_alone", language))
        return [_line("wrote_on", first, room, language, date=_day(first)), alone]
    people = len({post.post.author.id for post in thread})
    lines = [
        Line(
            phrase(
                "thread_of",
                language,
                posts=counted(subject.total, "posts", language),
                people=counted(people, "people", language),
                start=_day(thread[0]),
                end=_day(thread[-1]),
            )
        ),
        _line("begins", first, room, language),
    ]
    if subject.total > len(thread) + subject.withheld:
        read = counted(len(thread), "posts", language)
        lines.insert(1, Line(phrase("thread_cut", language, posts=read)))
    taken = sides(first, thread, idf)
    by_side: dict[Stance, list[StoredPost]] = {
        side: [one for one in thread if taken.get(one.id) == side] for side in _SIDES
    }
    told = [first]
    said = most_telling(thread, idf, 2 * room.each, taken=told)
    told += said
    lines += [_line("wrote", one, room, language) for one in said]
    if any(by_side.values()):
        lines.append(_counts("sides", by_side, language))
    for name, side in _TOLD[:2]:
        chosen = _best(by_side[side], thread, room.each, told)
        told += chosen
        lines += [_line(name, one, room, language) for one in chosen]
    lines += _disputes(thread, first, told, voice)
    return lines


def weighing(subject: Subject, hits: Sequence[Hit], voice: Voice) -> list[Line]:
    """What a post claims, how many say it independently, who supports and who disputes it, and what
    stays open. Never a verdict."""
    idf, room, language = voice
    claim = subject.post
    by_id = {one.id: one for one in subject.thread}
    taken = dict(sides(claim, subject.thread, idf))
    below = {id for id, side in taken.items() if side != "comment"}
    copies: dict[int, int] = {}
    for hit in hits:
        copies[hit.post.id] = hit.copies
        if hit.post.id != claim.id and hit.post.id not in below:
            by_id[hit.post.id] = hit.post
            taken[hit.post.id] = _of_claim(hit.post, claim, idf)
    saying = [claim] + [
        one
        for id, one in by_id.items()
        if id != claim.id and says_the_same(one.post.text, claim.post.text, idf)
    ]
    saying.sort(key=lambda one: (one.posted_at, one.id))
    firsts = first_of_each(saying)
    groups: dict[int, list[StoredPost]] = {}
    for place, one in enumerate(saying):
        groups.setdefault(firsts[place], []).append(one)
    posts = sum(
        max(len(group), *(copies.get(one.id, 1) for one in group)) for group in groups.values()
    )
    for group in groups.values():
        for one in group if claim in group else group[1:]:
            taken.pop(one.id, None)  # a copy adds nobody's own word
    by_side: dict[Stance, list[StoredPost]] = {
        side: [one for id, one in by_id.items() if taken.get(id) == side] for side in _SIDES
    }
    lines = [
        _line("wrote_on", claim, room, language, date=_day(claim)),
        Line(
            phrase(
                "origins",
                language,
                posts=counted(posts, "posts", language),
                origins=counted(independent(saying), "origins", language),
            )
        ),
    ]
    lines.append(
        _counts("claim_sides", by_side, language)
        if by_side["support"] or by_side["deny"]
        else Line(phrase("no_sides", language))
    )
    told = [claim]
    for name, side in _TOLD:
        most = 1 if side == "query" else room.each
        chosen = _best(by_side[side], subject.thread, most, told)
        told += chosen
        lines += [_line(name, one, room, language) for one in chosen]
    linking = sum(bool(PAGE.search(one.post.text)) for one in (*saying, *by_side["support"]))
    lines.append(
        Line(phrase("unchecked", language, posts=counted(linking, "posts", language)))
        if linking
        else Line(phrase("unverified", language))
    )
    return [*lines, Line(phrase("no_verdict", language))]


def profiling(posts: Sequence[StoredPost], voice: Voice) -> list[Line]:
    """What an author posts about; ``posts`` are the latest first."""
    idf, room, language = voice
    read = counted(len(posts), "posts", language)
    head = phrase("profile_of", language, posts=read, start=_day(posts[-1]), end=_day(posts[0]))
    lines = [Line(head)]
    for word, count, post in subjects(posts, idf, room.each + 1):
        number = counted(count, "posts", language)
        lines.append(_line("profile_on", post, room, language, term=word, posts=number))
    return lines if len(lines) > 1 else [*lines, _line("wrote", posts[0], room, language)]


def independent(posts: Sequence[StoredPost]) -> int:
    """How many of some posts say a thing by themselves: copies count once, and so does an author."""
    firsts = first_of_each(posts)
    authors: set[str] = set()
    for place, post in enumerate(posts):
        if firsts[place] == place:
            authors.add(post.post.author.id)
    return len(authors)


_SIDES: tuple[Stance, ...] = ("support", "deny", "query")
_TOLD: tuple[tuple[str, Stance], ...] = (
    ("denies", "deny"),
    ("supports", "support"),
    ("asks", "query"),
)


def _of_claim(post: StoredPost, claim: StoredPost, idf: Idf) -> Stance:
    """How a post takes a claim that it does not answer: only where it speaks of the same thing."""
    if post.post.author.id == claim.post.author.id:
        return "comment"
    if says_the_same(post.post.text, claim.post.text, idf):
        return "support"
    return stance(post.post.text, claim.post.text, idf, apart=True)


def _counts(name: str, by_side: Mapping[Stance, Sequence[StoredPost]], language: Language) -> Line:
    numbers = {
        side: counted(len({one.post.author.id for one in posts}), "people", language)
        for side, posts in by_side.items()
    }
    support, deny, query = (numbers[side] for side in _SIDES)
    return Line(phrase(name, language, support=support, deny=deny, query=query))


def _best(
    posts: Sequence[StoredPost],
    thread: Sequence[StoredPost],
    limit: int,
    told: Sequence[StoredPost],
) -> list[StoredPost]:
    """Of posts of one side those that say most; each author once."""
    answered = {post.post.reply_to for post in thread}
    known = {post.id for post in told}
    ranked = sorted(
        (post for post in posts if post.id not in known),
        key=lambda post: (
            bool(PAGE.search(post.post.text)) + (post.post.uri in answered),
            min(len(post.post.text), 140),
        ),
        reverse=True,
    )
    chosen: dict[str, StoredPost] = {}
    for post in ranked:
        chosen.setdefault(post.post.author.id, post)
    return list(chosen.values())[:limit]


def _disputes(
    thread: Sequence[StoredPost],
    first: StoredPost,
    told: Sequence[StoredPost],
    voice: Voice,
) -> list[Line]:
    """Where somebody who answers is disputed."""
    idf, room, language = voice
    by_uri = {post.post.uri: post for post in thread}
    known = {post.id for post in told}
    lines: list[Line] = []
    for post in thread:
        above = by_uri.get(post.post.reply_to or "")
        if above is None or above.id == first.id or post.id in known:
            continue
        if post.post.author.id == above.post.author.id:
            continue
        if stance(post.post.text, above.post.text, idf) == "deny":
            text = phrase(
                "disputes_other",
                language,
                author=_by(post),
                other=_by(above),
                text=words_of(post, room.quote),
            )
            lines.append(Line(text, (post, above)))
            if len(lines) == room.each:
                break
    return lines


def _line(name: str, post: StoredPost, room: Room, language: Language, **values: str) -> Line:
    said = words_of(post, room.quote)
    return Line(phrase(name, language, author=_by(post), text=said, **values), (post,))


def _by(post: StoredPost) -> str:
    return post.post.author.handle


def _day(post: StoredPost) -> str:
    return f"{post.posted_at:%Y-%m-%d}"
