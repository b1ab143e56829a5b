"""The loop from a question to its checked answer, as a stream of events.

Search first; the numbered sources are sent before the first word. What a large model writes
streams as it is written; each finished sentence is held against the sources, and an unsupported one
is marked. A small model is wrong too often for that: the best post is quoted at once, and a sentence
of the model follows only where the posts support it. What was sent is never taken back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from anyio import to_thread

from myna.answer.allowed import quotable, readable
from myna.answer.draft import Draft
from myna.answer.events import (
    OWN,
    AnswerEvent,
    Citation,
    Done,
    LeftOut,
    Notice,
    Serving,
    Source,
    Sources,
    Status,
    Text,
    Turn,
    Unsupported,
    Usage,
)
from myna.answer.explain import Teller
from myna.answer.find import find
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
    fitted,
    large_prompt,
    likeliest,
    small_prompt,
    talk_prompt,
)
from myna.answer.question import Talk, language_asked, says_too_little, small_talk, stand_alone
from myna.answer.quote import best_quotation, copies, shortened
from myna.answer.sentences import Span
from myna.answer.subject import AccountOf
from myna.answer.support import (
    TOPIC_SHARE,
    Claim,
    claims_something,
    supporting,
)
from myna.answer.task import Task, task_of
from myna.db.engine import Database
from myna.errors import InvalidRequest
from myna.index.search import Searcher
from myna.models.chat import ChatMessage, ChatModel
from myna.post import StoredPost

LONGEST_ASKED = 160
"""Characters of somebody's question that are shown before the answer to it."""
SMALL_TOPIC_SHARE = 0.9
"""As ``TOPIC_SHARE``, for what a small model adds to a quotation: it puts the question's words
anywhere."""
LEAST_NEW_WORDS = 2
"""What a small model's sentence must say beyond the question, to be more than filling."""
GAP = "\n\n"
UNUSED = Usage(0, 0)


class Answerer:
    """Answers questions from the posts of one store. Stateless; safe to share."""

    def __init__(
        self,
        db: Database,
        searcher: Searcher,
        model: ChatModel,
        account_of: AccountOf = lambda _handle: None,
    ) -> None:
        """``account_of`` asks a network which account a handle leads to."""
        self._account_of = account_of
        self._db = db
        self._searcher = searcher
        self._model = model

    async def answer(
        self,
        conversation: Sequence[Turn],
        *,
        language: str = "en",
        now: datetime | None = None,
        without: Callable[[StoredPost], bool] = lambda _post: False,
        task: Task | None = None,
        asker: str = "",
    ) -> AsyncGenerator[AnswerEvent]:
        """The events of the answer to the last turn, which rests on no post of ``without``. Where it
        asks to explain, sum up or check a post, or ``task`` says so, that post is told of. ``asker``
        stays the same within a conversation (by default its first words): where a new version of the
        model is tried, it decides who answers.

        Raises:
            InvalidRequest: there is no question.
            ModelNotReady, ModelError: the model could not be asked, or broke off.
        """
        if not conversation or conversation[-1].role != "user":
            raise InvalidRequest("The last message has to be a question of the user.")
        question = conversation[-1].text.strip()
        if not question:
            raise InvalidRequest("Ask something.")
        model = self._model.serving(asker or conversation[0].text)
        yield Serving(model.version)
        chosen = self
        if model is not self._model:
            chosen = Answerer(self._db, self._searcher, model, self._account_of)
        told = chosen._answer(conversation, question, language, now, without, task=task)
        async with aclosing(told) as events:
            async for event in events:
                yield event

    async def _answer(
        self,
        conversation: Sequence[Turn],
        question: str,
        language: str,
        now: datetime | None,
        without: Callable[[StoredPost], bool],
        *,
        task: Task | None,
    ) -> AsyncGenerator[AnswerEvent]:
        spoken = language_asked(question, language)
        if task is None and (talk := small_talk(question)):
            async with aclosing(self._talk(talk, question, spoken)) as events:
                async for event in events:
                    yield event
            return
        if task := task or task_of(conversation):
            teller = Teller(self._db, self._searcher, self._model, self._account_of)
            async with aclosing(teller.tell(task, spoken, without)) as events:
                async for event in events:
                    yield event
            return
        alone = stand_alone(conversation)
        if says_too_little(alone):
            yield Sources(())
            yield Text(phrase("too_little", spoken))
            yield UNUSED
            yield Done("declined", OWN, PROMPT_VERSION)
            return
        yield Status("searching")
        found = await to_thread.run_sync(
            lambda: find(self._searcher, alone, now=now, without=without)
        )
        sources = await to_thread.run_sync(gather, self._db, found.hits, without)
        yield Sources(sources)
        yield LeftOut(found.refused)
        for note in found.notes:
            yield Notice("search_note", note)
        if not sources or not found.answerable:
            for event in self._declined(spoken, sources):
                yield event
            return
        yield Status("reading")
        draft = Draft(alone, sources)
        write = self._quote_first if self._model.small else self._write
        if not readable(sources):
            write = self._quote_alone
        async with aclosing(write(conversation, draft, spoken)) as events:
            async for event in events:
                yield event

    async def _talk(
        self, talk: Talk, question: str, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        """Small talk needs no posts. What Myna is, Myna says itself; a small model says nothing."""
        yield Sources(())
        if talk == "identity" or self._model.small:
            yield Text(phrase(talk, language))
            yield UNUSED
            yield Done("small_talk", OWN, PROMPT_VERSION)
            return
        cleaner, usage = Cleaner(), UNUSED
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

    def _declined(
        self,
        language: Language,
        sources: Sequence[Source],
        usage: Usage = UNUSED,
    ) -> list[AnswerEvent]:
        events: list[AnswerEvent] = [
            Text(phrase("nearest" if sources else "nothing_found", language))
        ]
        events.append(Notice("no_evidence", phrase("nothing_found", language)))
        if sources:
            events.append(Notice("nearest_posts", phrase("nearest_notice", language)))
        return [*events, usage, Done("declined", OWN, PROMPT_VERSION)]

    async def _write(
        self, conversation: Sequence[Turn], draft: Draft, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        """What a large model writes, as it writes it, each sentence checked when it is whole."""
        messages, limit = await self._prompt(conversation, draft, language)
        yield Status("writing")
        async with aclosing(self._model.stream(messages, max_tokens=limit)) as deltas:
            async for delta in deltas:
                for event in await self._say(draft, draft.take(delta)):
                    yield event
                if draft.repeats:
                    break
        for event in await self._say(draft, draft.cleaner.finish(), last=True):
            yield event
        if draft.repeats:
            yield Notice("repeated", phrase("repeated", language))
        elif draft.finish == "length":
            yield Notice("truncated", phrase("truncated", language))
        if not draft.supported:
            for event in await to_thread.run_sync(self._quote, draft, language):
                yield event
        if not draft.supported:
            missing = "unsupported" if draft.shown else "nothing_found"
            yield Text((GAP if draft.shown else "") + phrase(missing, language))
            yield Notice("no_evidence", phrase("nothing_found", language))
        yield draft.spent()
        outcome = "answered" if draft.supported else "declined"
        yield Done(outcome, self._model.name, PROMPT_VERSION)

    async def _quote_alone(
        self, conversation: Sequence[Turn], draft: Draft, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        """Where no author lets a model read: the best post word for word, if one may be quoted."""
        del conversation
        for event in await to_thread.run_sync(self._quote, draft, language):
            yield event
        if not draft.supported:
            for event in self._declined(language, draft.sources):
                yield event
            return
        yield UNUSED
        yield Done("answered", OWN, PROMPT_VERSION)

    async def _quote_first(
        self, conversation: Sequence[Turn], draft: Draft, language: Language
    ) -> AsyncGenerator[AnswerEvent]:
        """The best post word for word; then those sentences of a small model that posts support."""
        for event in await to_thread.run_sync(self._quote, draft, language):
            yield event
        messages, limit = await self._prompt(conversation, draft, language)
        yield Status("writing")
        stop = ("\n",)  # a small model goes on with questions of its own
        async with aclosing(self._model.stream(messages, max_tokens=limit, stop=stop)) as deltas:
            async for delta in deltas:
                for span in draft.feed(draft.take(delta)):
                    for event in await to_thread.run_sync(self._pass, draft, span):
                        yield event
                if draft.repeats:
                    break
        if draft.finish != "length":  # what was cut in mid-sentence is no sentence
            for span in draft.feed(draft.cleaner.finish(), last=True):
                for event in await to_thread.run_sync(self._pass, draft, span):
                    yield event
        if draft.supported:
            yield draft.spent()
            author = self._model.name if draft.said_by_model else OWN
            yield Done("answered", author, PROMPT_VERSION)
            return
        for event in self._declined(language, draft.sources, draft.spent()):
            yield event

    async def _prompt(
        self, conversation: Sequence[Turn], draft: Draft, language: Language
    ) -> tuple[list[ChatMessage], int]:
        """The messages, never longer than the model reads, and how much it may write."""
        model = self._model
        if model.small:
            limit = min(SMALL_ANSWER_TOKENS, model.context_tokens // 4)
            budget = min(SMALL_PROMPT_TOKENS, model.context_tokens - limit)
        else:
            limit = min(LARGE_ANSWER_TOKENS, model.context_tokens // 4)
            budget = min(LARGE_PROMPT_TOKENS, model.context_tokens - limit)

        draft.evidence = readable(draft.sources)
        if model.small:
            draft.evidence = await to_thread.run_sync(
                likeliest, draft.evidence, draft.question, self._searcher.idf
            )

        def pack(tokens: int) -> list[ChatMessage]:
            if model.small:
                return small_prompt(draft.question, draft.evidence, self._searcher.idf, tokens)
            return large_prompt(conversation, draft.evidence, language, tokens)

        messages, draft.prompt_tokens = await fitted(model, pack, budget)
        return messages, limit

    async def _say(self, draft: Draft, delta: str, *, last: bool = False) -> list[AnswerEvent]:
        """Events of a piece of text: the text, and a span for each sentence that it completes."""
        if not draft.shown:
            delta = delta.lstrip()
        draft.shown += delta
        events: list[AnswerEvent] = [Text(delta)] if delta else []
        for span in draft.feed(delta, last=last):
            sentence = draft.sentence(span)
            if claims_something(sentence):
                numbers = await to_thread.run_sync(self._supporting, draft, sentence)
                mark = Citation(span.start, span.end, numbers) if numbers else None
                events.append(mark or Unsupported(span.start, span.end))
        return events

    def _pass(self, draft: Draft, span: Span) -> list[AnswerEvent]:
        """A small model's sentence, if a post supports it and it is more than the quotation."""
        sentence = draft.sentence(span)
        if draft.repeats:
            return []
        topic_share = TOPIC_SHARE
        if draft.quoted:  # there is an answer already: a sentence has to be worth adding
            says_little = len(Claim.of(sentence, draft.question).new) < LEAST_NEW_WORDS
            if says_little or copies(sentence, draft.quoted):
                return []
            topic_share = SMALL_TOPIC_SHARE
        if not claims_something(sentence):
            return []
        numbers = self._supporting(draft, sentence, topic_share)
        if not numbers:
            return []
        draft.said_by_model = True
        return self._cited(draft, sentence, numbers)

    def _supporting(
        self, draft: Draft, sentence: str, topic_share: float = TOPIC_SHARE
    ) -> tuple[int, ...]:
        numbers = supporting(
            sentence, draft.question, draft.evidence, self._searcher.idf, topic_share
        )
        draft.supported += bool(numbers)
        return numbers

    def _quote(self, draft: Draft, language: Language) -> list[AnswerEvent]:
        """The best sentence of the best post, word for word; nothing where none fits well enough."""
        found = best_quotation(quotable(draft.sources), draft.question, self._searcher.idf)
        if found is None:
            return []
        draft.supported += 1
        draft.quoted = shortened(found.words)
        author = found.source.post.post.author.handle
        said = {"author": author, "text": draft.quoted}
        sentence = (
            phrase("answered", language, asked=shortened(found.asked, LONGEST_ASKED), **said)
            if found.asked
            else phrase("wrote", language, **said)
        )
        return self._cited(draft, sentence, (found.source.number,))

    def _cited(self, draft: Draft, sentence: str, numbers: tuple[int, ...]) -> list[AnswerEvent]:
        """A whole sentence with its citation, below what is shown."""
        gap = GAP if draft.shown else ""
        start = len(draft.shown) + len(gap)
        draft.shown += gap + sentence
        return [Text(gap + sentence), Citation(start, start + len(sentence), numbers)]
