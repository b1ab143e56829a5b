"""The loop from a question to its checked answer, as a stream of events.

Search first; the numbered sources are sent before the first word; the text streams as the model
writes it; each finished sentence is held against the sources. What was sent is never taken back:
an unsupported sentence is marked, and what follows says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from anyio import to_thread

from myna.answer.events import (
    AnswerEvent,
    Citation,
    Done,
    Notice,
    Source,
    Sources,
    Status,
    Text,
    Turn,
    Unsupported,
    Usage,
)
from myna.answer.gather import gather
from myna.answer.markers import Cleaner
from myna.answer.phrases import Language, phrase
from myna.answer.prompt import (
    LARGE_ANSWER_TOKENS,
    LARGE_PROMPT_TOKENS,
    PROMPT_VERSION,
    SMALL_ANSWER_TOKENS,
    SMALL_PROMPT_TOKENS,
    TALK_TOKENS,
    large_prompt,
    likeliest,
    small_prompt,
    talk_prompt,
)
from myna.answer.question import Talk, language_asked, small_talk, stand_alone
from myna.answer.sentences import Segmenter, Span
from myna.answer.support import (
    ANSWERABLE,
    by_evidence,
    claims_something,
    confidence,
    supporting,
)
from myna.db.engine import Database
from myna.errors import InvalidRequest
from myna.index.search import Searcher
from myna.models.chat import ChatMessage, ChatModel

HITS = 10
SEARCH_SECONDS = 1.0
"""For the posts of an answer: more than a search has, for all that is said rests on them."""
QUOTED_FIT = 0.2
"""Least fit of a sentence that is quoted in the model's stead."""
LONGEST_QUOTE = 300
OWN = "myna"
"""Recorded as the model where no model was asked."""


@dataclass
class _Draft:
    """The answer so far, its sentences, and whether anything in it rests on a post."""

    question: str
    sources: Sequence[Source]
    evidence: Sequence[Source] = ()
    """The posts that the model was shown."""
    segmenter: Segmenter = field(default_factory=Segmenter)
    supported: int = 0
    said: list[str] = field(default_factory=list)
    repeats: bool = False

    @property
    def text(self) -> str:
        return self.segmenter.text


class Answerer:
    """Answers questions from the posts of one store. Stateless; safe to share."""

    def __init__(self, db: Database, searcher: Searcher, model: ChatModel) -> None:
        self._db = db
        self._searcher = searcher
        self._model = model

    async def answer(
        self, conversation: Sequence[Turn], *, language: str = "en", now: datetime | None = None
    ) -> AsyncGenerator[AnswerEvent]:
        """The events of the answer to the last turn.

        Raises:
            InvalidRequest: there is no question.
            ModelNotReady, ModelError: the model could not be asked, or broke off.
        """
        if not conversation or conversation[-1].role != "user":
            raise InvalidRequest("The last message has to be a question of the user.")
        question = conversation[-1].text.strip()
        if not question:
            raise InvalidRequest("Ask something.")
        spoken = language_asked(question, language)
        if talk := small_talk(question):
            async with aclosing(self._talk(talk, question, spoken)) as events:
                async for event in events:
                    yield event
            return
        yield Status("searching")
        alone = stand_alone(conversation)
        result = await to_thread.run_sync(
            lambda: self._searcher.retrieve(alone, limit=HITS, now=now, seconds=SEARCH_SECONDS)
        )
        sources = await to_thread.run_sync(gather, self._db, result.hits)
        yield Sources(sources)
        for note in result.notes:
            yield Notice("search_note", note)
        sure = await to_thread.run_sync(confidence, result.hits, alone, self._searcher.idf)
        if not sources or sure < ANSWERABLE:
            for event in self._declined(spoken, sources):
                yield event
            return
        yield Status("reading")
        draft = _Draft(alone, sources)
        async with aclosing(self._write(conversation, draft, spoken)) as events:
            async for event in events:
                yield event

    async def _talk(
        self, talk: Talk, question: str, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        """Small talk needs no posts. What Myna is, Myna says itself; a small model says nothing."""
        yield Sources(())
        if talk == "identity" or self._model.small:
            yield Text(phrase(talk, language))
            yield Usage(0, 0)
            yield Done("small_talk", OWN, PROMPT_VERSION)
            return
        cleaner, usage = Cleaner(), Usage(0, 0)
        messages = talk_prompt(question, language)
        async with aclosing(self._model.stream(messages, max_tokens=TALK_TOKENS)) as deltas:
            async for delta in deltas:
                if delta.usage:
                    usage = Usage(delta.usage.prompt_tokens, delta.usage.completion_tokens)
                if shown := cleaner.feed(delta.text):
                    yield Text(shown)
        if shown := cleaner.finish():
            yield Text(shown)
        yield usage
        yield Done("small_talk", self._model.name, PROMPT_VERSION)

    def _declined(self, language: Language, sources: Sequence[Source]) -> list[AnswerEvent]:
        events: list[AnswerEvent] = [
            Text(phrase("nearest" if sources else "nothing_found", language))
        ]
        events.append(Notice("no_evidence", phrase("nothing_found", language)))
        if sources:
            events.append(Notice("nearest_posts", phrase("nearest_notice", language)))
        return [*events, Usage(0, 0), Done("declined", OWN, PROMPT_VERSION)]

    async def _write(
        self, conversation: Sequence[Turn], draft: _Draft, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        model = self._model
        messages, limit = await self._prompt(conversation, draft, language)
        yield Status("writing")
        cleaner, usage, finish = Cleaner(), Usage(0, 0), None
        stop = ("\n",) if model.small else ()  # a small model goes on with questions of its own
        async with aclosing(model.stream(messages, max_tokens=limit, stop=stop)) as deltas:
            async for delta in deltas:
                if delta.usage:
                    usage = Usage(delta.usage.prompt_tokens, delta.usage.completion_tokens)
                finish = delta.finish or finish
                for event in await self._say(draft, cleaner.feed(delta.text)):
                    yield event
                if draft.repeats:
                    break
        for event in await self._say(draft, cleaner.finish(), last=True):
            yield event
        if draft.repeats:
            yield Notice("repeated", phrase("repeated", language))
        elif finish == "length":
            yield Notice("truncated", phrase("truncated", language))
        outcome = "answered"
        if not draft.supported:
            events, quoted = await to_thread.run_sync(self._instead, draft, language)
            for event in events:
                yield event
            outcome = "answered" if quoted else "declined"
        yield usage
        yield Done(outcome, model.name, PROMPT_VERSION)

    async def _prompt(
        self, conversation: Sequence[Turn], draft: _Draft, language: Language
    ) -> tuple[list[ChatMessage], int]:
        """The messages, never longer than the model reads, and how much it may write."""
        model = self._model
        if model.small:
            limit = min(SMALL_ANSWER_TOKENS, model.context_tokens // 4)
            budget = min(SMALL_PROMPT_TOKENS, model.context_tokens - limit)
        else:
            limit = min(LARGE_ANSWER_TOKENS, model.context_tokens // 4)
            budget = min(LARGE_PROMPT_TOKENS, model.context_tokens - limit)

        draft.evidence = (
            await to_thread.run_sync(likeliest, draft.sources, draft.question, self._searcher.idf)
            if model.small
            else draft.sources
        )

        def pack(tokens: int) -> list[ChatMessage]:
            if model.small:
                return small_prompt(draft.question, draft.evidence, self._searcher.idf, tokens)
            return large_prompt(conversation, draft.sources, language, tokens)

        messages = await to_thread.run_sync(pack, budget)
        estimate = budget
        while (real := await model.count_tokens(messages)) > budget and estimate > 64:
            estimate = min(estimate - 32, int(estimate * budget / real * 0.95))
            messages = await to_thread.run_sync(pack, estimate)
        return messages, limit

    async def _say(self, draft: _Draft, delta: str, *, last: bool = False) -> list[AnswerEvent]:
        """Events of a piece of text: the text, and a span for each sentence that it completes."""
        if not draft.text:
            delta = delta.lstrip()
        events: list[AnswerEvent] = [Text(delta)] if delta else []
        spans = draft.segmenter.feed(delta) if delta else []
        if last:
            spans += draft.segmenter.finish()
        for span in spans:
            events += await to_thread.run_sync(self._check, draft, span)
        return events

    def _check(self, draft: _Draft, span: Span) -> list[AnswerEvent]:
        sentence = draft.text[span.start : span.end]
        folded = " ".join(sentence.casefold().split())
        draft.repeats = draft.repeats or (len(folded) > 20 and folded in draft.said)
        draft.said.append(folded)
        if not claims_something(sentence):
            return []
        numbers = supporting(sentence, draft.question, draft.evidence, self._searcher.idf)
        if numbers:
            draft.supported += 1
            return [Citation(span.start, span.end, numbers)]
        return [Unsupported(span.start, span.end)]

    def _instead(self, draft: _Draft, language: Language) -> tuple[list[AnswerEvent], bool]:
        """What follows a text of which nothing is supported: the best sentence of the best post,
        word for word, or that there is no support."""
        gap = "\n\n" if draft.text else ""
        found = self._quote(draft)
        if found is None:
            text = gap + phrase("unsupported" if draft.text else "nothing_found", language)
            notice = Notice("no_evidence", phrase("nothing_found", language))
            return [Text(text), notice], False
        source, quote = found
        author = source.post.post.author.handle
        sentence = phrase("wrote", language, author=author, text=quote)
        start = len(draft.text) + len(gap)
        return [
            Text(gap + sentence),
            Citation(start, start + len(sentence), (source.number,)),
        ], True

    def _quote(self, draft: _Draft) -> tuple[Source, str] | None:
        """The sentence to quote in the model's stead; None where none fits well enough."""
        fits = by_evidence(draft.sources, draft.question, self._searcher.idf)
        if not fits or fits[0][0] < QUOTED_FIT:
            return None
        _, source, passage = fits[0]
        words = " ".join(passage.split())
        return source, words if len(words) <= LONGEST_QUOTE else words[: LONGEST_QUOTE - 1] + "…"
