"""What is answered: the question of a mention, from the thread around it, as runs of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from myna.answer.answer import Answerer
from myna.answer.events import Citation, Done, Sources, Text, Turn
from myna.answer.phrases import Language, phrase
from myna.answer.question import language_asked, says_too_little
from myna.answer.task import Task
from myna.bot.compose import Run
from myna.post import StoredPost

MOST_SOURCES = 4
"""Sources that are linked: each takes four characters of a post."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks, and what stands around it."""

    text: str
    around: Sequence[str] = ()
    """What was said before, the nearest last: what the post replies to or quotes."""
    lang: str | None = None
    without: Callable[[StoredPost], bool] = lambda _post: False
    """Posts that the answer must not rest on."""
    task: Task | None = None
    """What is wanted of the post above, where that is all that is asked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, not yet cut into posts."""

    runs: Sequence[Run]
    sources: Sequence[int] = ()
    """Keys of the posts that it rests on."""
    language: str = "en"


class Replier(Protocol):
    """Who knows what to answer."""

    def reply(self, question: Question) -> Reply:
        """The answer.

        Raises:
            MynaError: it cannot be given now.
        """
        ...


class AnswerReplier:
    """Answers as the app does, by ``Answerer``."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def reply(self, question: Question) -> Reply:
        """See ``Replier.reply``."""
        return anyio.run(self._reply, question)

    async def _reply(self, question: Question) -> Reply:
        asked = question.text
        around = [text for text in question.around if text.strip()]
        if question.task:
            around = []
        elif around and (not asked or says_too_little(asked)):
            asked, around = around[-1], around[:-1]
        language = language_asked(asked, question.lang or "en")
        if not asked:
            return Reply([Run(phrase("too_little", language))], (), language)
        turns = [*(Turn("user", text) for text in around), Turn("user", asked)]
        text, outcome = "", ""
        posts: dict[int, StoredPost] = {}
        marks: list[tuple[int, tuple[int, ...]]] = []
        async for event in self._answerer.answer(
            turns, language=language, without=question.without, task=question.task
        ):
            match event:
                case Sources(posts=found):
                    posts = {source.number: source.post for source in found}
                case Text(delta=delta):
                    text += delta
                case Citation(end=end, numbers=numbers):
                    marks.append((end, numbers))
                case Done(outcome=ended):
                    outcome = ended
                case _:
                    pass
        return _reply(text, outcome, posts, marks, language, is_told=question.task is not None)


def _reply(
    text: str,
    outcome: str,
    posts: dict[int, StoredPost],
    marks: Sequence[tuple[int, tuple[int, ...]]],
    language: Language,
    *,
    is_told: bool = False,
) -> Reply:
    """The text with a linked number behind each sentence that a post supports."""
    if outcome == "declined":
        said = text if is_told else phrase("nothing_found", language)
        return Reply([Run(said)], (), language)
    runs: list[Run] = []
    cited: dict[int, int] = {}
    place = 0
    for end, numbers in marks:
        runs.append(Run(text[place:end]))
        place = end
        for number in numbers:
            post = posts.get(number)
            if post is None or (number not in cited and len(cited) == MOST_SOURCES):
                continue
            shown = cited.setdefault(number, len(cited) + 1)
            runs += [Run(" "), Run(f"[{shown}]", post.post.url)]
    runs.append(Run(text[place:]))
    return Reply(
        [run for run in runs if run.text], [posts[number].id for number in cited], language
    )
