"""Telling of a post, a thread or an author, as a stream of the events that an answer has.

Code chooses what is told, word for word, and counts who says what (``lines``). A large model may write
its own account of it from the same posts, each sentence checked; where it says nothing that they
support, and wherever it is asked whether something is true, the code's lines stand. So no model ever
gives a verdict.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from anyio import to_thread

from myna.answer.allowed import is_withheld, readable
from myna.answer.asked import Meaning
from myna.answer.events import (
    OWN,
    AnswerEvent,
    Citation,
    Done,
    LeftOut,
    Notice,
    Source,
    Sources,
    Status,
    Text,
    Turn,
    Unsupported,
    Usage,
)
from myna.answer.find import definitions
from myna.answer.lines import BRIEF, WHOLE, Line, Voice, explaining, profiling, summing_up, weighing
from myna.answer.markers import Cleaner
from myna.answer.phrases import Language, phrase
from myna.answer.prompt import LARGE_ANSWER_TOKENS, LARGE_PROMPT_TOKENS, fitted, large_prompt
from myna.answer.sentences import Segmenter
from myna.answer.stance import says_the_same
from myna.answer.subject import AccountOf, Subject, placed, read_author, read_subject
from myna.answer.support import Idf, claims_something, supporting
from myna.answer.task import Task, TaskKind
from myna.answer.telling import most_telling
from myna.db.engine import Database
from myna.index.results import Hit
from myna.index.search import Searcher
from myna.index.terms import tokenize
from myna.models.chat import ChatMessage, ChatModel
from myna.post import StoredPost

TASK_VERSION = "tell-2026-11-25"
MOST_SOURCES = 24
"""Posts that a large model reads."""
_HITS = 20
_SEARCH_SECONDS = 1.0
_MOST_TERMS = 3
_LONGEST_SEARCH = 400
_ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]{1,7}\b|#\w{3,30}")
GAP = "\n\n"

_ORDERS: dict[TaskKind, str] = {
    "explain": "Explain post 1 to somebody who has seen nothing else: what it says, what it answers or "
    "refers to, and what its terms mean as far as the posts say it.",
    "thread": "Summarise this thread: what it is about, who says what, on what they agree and on what "
    "they differ.",
    "profile": "Say what the author of these posts posts about, with examples.",
    "check": "",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """What there is to tell."""

    lines: Sequence[Line]
    more: Sequence[StoredPost] = ()
    """Further posts that a large model may read."""
    left_out: int = 0
    copies: Mapping[int, int] = field(default_factory=dict[int, int])
    """Post → posts that say the same, itself among them."""


class Teller:
    """Tells of the posts of one store. Stateless; safe to share."""

    def __init__(
        self, db: Database, searcher: Searcher, model: ChatModel, account_of: AccountOf
    ) -> None:
        self._db, self._searcher, self._model = db, searcher, model
        self._account_of = account_of

    async def tell(
        self, task: Task, language: Language, without: Callable[[StoredPost], bool]
    ) -> AsyncGenerator[AnswerEvent]:
        """The events of a task; nothing of it rests on a post of ``without``.

        Raises:
            ModelNotReady, ModelError: a large model could not be asked, or broke off.
        """
        yield Status("searching")
        told = await to_thread.run_sync(partial(self._told, task, language, without))
        lines, order = told.lines, self._writes(task)
        sources = _numbered(told, with_more=order is not None)
        yield Sources(sources)
        yield LeftOut(told.left_out)
        if not sources:
            for line in lines:
                yield Text(line.text)
            yield Usage(0, 0)
            yield Done("declined", OWN, TASK_VERSION)
            return
        if order is not None and (evidence := readable(sources)):
            frame = lines[0].text if not lines[0].posts else ""
            async with aclosing(self._write(order, evidence, frame, lines, language)) as events:
                async for event in events:
                    yield event
            return
        for event in _said(lines, sources, ""):
            yield event
        yield Usage(0, 0)
        yield Done("answered", OWN, TASK_VERSION)

    def _writes(self, task: Task) -> str | None:
        """What a model is told to write; None where it writes nothing."""
        return None if self._model.small or task.brief else _ORDERS[task.kind] or None

    def _told(self, task: Task, language: Language, without: Callable[[StoredPost], bool]) -> _Told:
        task = placed(self._db, self._searcher, task, self._account_of)
        voice = Voice(self._searcher.idf, BRIEF if task.brief else WHOLE, language)
        if task.kind == "profile":
            return self._told_of_author(task, voice, without)
        subject = read_subject(self._db, task, without, whole=True)
        if subject is None:
            return _Told([Line(phrase("no_post", language))])
        if is_withheld(subject.post):
            left_out = max(1, subject.withheld)
            return _Told([Line(phrase("refused_post", language))], left_out=left_out)
        if task.kind == "thread":
            lines = summing_up(subject, voice)
            more = most_telling(subject.thread, voice.idf, MOST_SOURCES)
            return _Told(lines, more, subject.withheld)
        hits, refused = self._around(subject, without)
        refused += subject.withheld
        copies = _copies(subject, hits, voice.idf)
        if task.kind == "check":
            return _Told(weighing(subject, hits, voice), (), refused, copies)
        uri = subject.post.post.uri
        replies = [one for one in subject.thread if one.post.reply_to == uri]
        meanings = self._meanings(subject, without)
        in_thread = {one.id for one in subject.thread}
        apart = [hit for hit in hits if hit.post.id not in in_thread]
        lines = explaining(subject, replies, meanings, apart, voice)
        return _Told(lines, (), refused, copies)

    def _told_of_author(
        self, task: Task, voice: Voice, without: Callable[[StoredPost], bool]
    ) -> _Told:
        author = read_author(self._db, self._searcher, task, without)
        if not author.posts:
            name = "refused_profile" if author.found else "no_author"
            return _Told([Line(phrase(name, voice.language))])
        more = most_telling(author.posts, voice.idf, MOST_SOURCES)
        return _Told(profiling(author.posts, voice), more)

    def _around(
        self, subject: Subject, without: Callable[[StoredPost], bool]
    ) -> tuple[list[Hit], int]:
        """Posts of the store on the subject of a post, and how many more their authors keep back."""
        text = re.sub(r"\b\w+://\S+|[@#:\"()-]", " ", subject.post.post.text)[:_LONGEST_SEARCH]
        if not text.strip():
            return [], 0
        found = self._searcher.retrieve(text, limit=_HITS, seconds=_SEARCH_SECONDS)
        hits = [hit for hit in found.hits if hit.post.id != subject.post.id]
        kept = [hit for hit in hits if not is_withheld(hit.post) and not without(hit.post)]
        return kept, found.refused + sum(is_withheld(hit.post) for hit in hits)

    def _meanings(
        self, subject: Subject, without: Callable[[StoredPost], bool]
    ) -> list[tuple[str, Hit]]:
        """What the store says of abbreviations and tags in a post."""
        terms = dict.fromkeys(one.lstrip("#") for one in _ACRONYM.findall(subject.post.post.text))
        found: list[tuple[str, Hit]] = []
        for term in list(terms)[:_MOST_TERMS]:
            hits = definitions(self._searcher, Meaning(term))
            fit = [hit for hit in hits if not is_withheld(hit.post) and not without(hit.post)]
            found += [(term, hit) for hit in fit[:1]]
        return found

    async def _write(
        self,
        order: str,
        evidence: Sequence[Source],
        frame: str,
        lines: Sequence[Line],
        language: Language,
    ) -> AsyncGenerator[AnswerEvent]:
        """What a large model writes below the counts, each sentence checked when it is whole."""
        messages, limit = await self._prompt(order, evidence, language)
        cleaner, segmenter = Cleaner(), Segmenter()
        shown, supported, usage = "", 0, Usage(0, 0)
        yield Status("writing")
        if frame:
            shown = frame + GAP
            segmenter.feed(shown)
            yield Text(shown)

        async def take(text: str, *, last: bool = False) -> list[AnswerEvent]:
            nonlocal shown, supported
            text = text if shown else text.lstrip()
            shown += text
            events: list[AnswerEvent] = [Text(text)] if text else []
            for span in segmenter.feed(text) + (segmenter.finish() if last else []):
                sentence = segmenter.text[span.start : span.end]
                if span.start < len(frame) or not claims_something(sentence):
                    continue
                check = partial(_supporting, sentence, evidence, self._searcher.idf)
                numbers = await to_thread.run_sync(check)
                supported += bool(numbers)
                mark = Citation(span.start, span.end, numbers) if numbers else None
                events.append(mark or Unsupported(span.start, span.end))
            return events

        finish: str | None = None
        async with aclosing(self._model.stream(messages, max_tokens=limit)) as deltas:
            async for delta in deltas:
                finish = delta.finish or finish
                if delta.usage:
                    usage = Usage(delta.usage.prompt_tokens, delta.usage.completion_tokens)
                for event in await take(cleaner.feed(delta.text)):
                    yield event
        for event in await take(cleaner.finish(), last=True):
            yield event
        if finish == "length":
            yield Notice("truncated", phrase("truncated", language))
        if not supported:
            rest = [line for line in lines if line.posts]
            for event in _said(rest, evidence, shown):
                yield event
        yield usage
        yield Done("answered", self._model.name, TASK_VERSION)

    async def _prompt(
        self, order: str, evidence: Sequence[Source], language: Language
    ) -> tuple[list[ChatMessage], int]:
        """The messages, never longer than the model reads, and how much it may write."""
        limit = min(LARGE_ANSWER_TOKENS, self._model.context_tokens // 4)
        budget = min(LARGE_PROMPT_TOKENS, self._model.context_tokens - limit)
        pack = partial(large_prompt, [Turn("user", order)], evidence, language)
        messages, _ = await fitted(self._model, pack, budget)
        return messages, limit


def _supporting(sentence: str, evidence: Sequence[Source], idf: Idf) -> tuple[int, ...]:
    """The posts that support a sentence; where it names their authors, only posts of those it names."""
    words = {token.word for token in tokenize(sentence)}
    names = {
        source.number: {
            token.word
            for name in (source.post.post.author.handle, source.post.post.author.name)
            for token in tokenize(name)
        }
        for source in evidence
    }
    named = [source for source in evidence if names[source.number] & words]
    everybody = " ".join(name for found in names.values() for name in found)
    return supporting(sentence, everybody, named or evidence, idf)


def _copies(subject: Subject, hits: Sequence[Hit], idf: Idf) -> dict[int, int]:
    """Post → how many say the same, of what was found and of the post itself."""
    found = {hit.post.id: hit.copies for hit in hits}
    said = subject.post.post.text
    same = [hit.copies for hit in hits if says_the_same(hit.post.post.text, said, idf)]
    return found | {subject.post.id: max(same, default=1)}


def _numbered(told: _Told, *, with_more: bool) -> tuple[Source, ...]:
    """The posts of the lines in their order, then further ones."""
    posts = {post.id: post for line in told.lines for post in line.posts}
    for post in told.more if with_more else ():
        if len(posts) < MOST_SOURCES:
            posts.setdefault(post.id, post)
    return tuple(
        Source(number, post, None, 1.0, told.copies.get(post.id, 1))
        for number, post in enumerate(posts.values(), 1)
    )


def _said(lines: Sequence[Line], sources: Sequence[Source], shown: str) -> list[AnswerEvent]:
    """Lines below what is shown, each with its citation. A line whose posts no source has is left
    out."""
    numbers = {source.post.id: source.number for source in sources}
    events: list[AnswerEvent] = []
    place = len(shown)
    for line in lines:
        if any(post.id not in numbers for post in line.posts):
            continue
        gap = GAP if place else ""
        events.append(Text(gap + line.text))
        start = place + len(gap)
        place = start + len(line.text)
        if line.posts:
            cited = tuple(numbers[post.id] for post in line.posts)
            events.append(Citation(start, place, cited))
    return events
