"""``myna ask``: a question in the shell, the answer as it is written, the posts that it rests on."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from myna.post import Use
from myna.settings import load_settings

if TYPE_CHECKING:
    from myna.answer.answer import Answerer
    from myna.answer.events import Source
    from myna.settings import Settings

DECLINED = 3
"""Exit status when Myna found nothing good enough to answer."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(ask)


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know, in quotes.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object at the end, for scripts.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of Myna's own words: en or fr.")] = "en",
) -> None:
    """Ask a question; the answer streams, with its sources.

    Exit status 0: answered; 3: declined, since no post was good enough; 1: an error.
    """
    import anyio

    from myna.answer.answer import Answerer
    from myna.db.engine import open_database
    from myna.feeds.handles import Handles
    from myna.index.embed import open_embedder
    from myna.index.rerank import LateInteraction
    from myna.index.search import Searcher
    from myna.models.chat import open_model

    settings = load_settings()
    with ExitStack() as stack:
        db = open_database(settings)
        stack.callback(db.dispose)
        if not settings.model_url:
            _local_model(settings, stack)
        model = open_model(settings)
        embedder = open_embedder(settings.embedder)
        searcher = Searcher(
            db, settings.index_dir, embedder=embedder, reranker=LateInteraction(embedder)
        )
        answerer = Answerer(db, searcher, model, Handles(db).account_of)
        show = _collect if as_json else _stream
        outcome = anyio.run(show, answerer, question, language)
    raise typer.Exit(DECLINED if outcome == "declined" else 0)


def _local_model(settings: Settings, stack: ExitStack) -> None:
    """Start the local model server for the time of the question where none runs."""
    from myna.models.local import read_address, running_server

    if read_address(settings) is None:
        print("No model server runs; starting one for this question …", file=sys.stderr)
    stack.enter_context(running_server(settings))


async def _stream(answerer: Answerer, question: str, language: str) -> str:
    from rich.console import Console

    from myna.answer.events import (
        Citation,
        Done,
        LeftOut,
        Notice,
        Sources,
        Text,
        Turn,
        Unsupported,
    )

    console = Console(highlight=False, soft_wrap=True)
    outcome, text, shown = "", "", 0
    sources: tuple[Source, ...] = ()

    def write(end: int, mark: str = "") -> None:
        """Show the text up to ``end``, which may be shown already, then the mark."""
        nonlocal shown
        console.print(text[shown:end], end="", markup=False)
        if mark:
            console.print(mark, end="")
        shown = max(shown, end)

    async for event in answerer.answer([Turn("user", question)], language=language):
        match event:
            case Sources(posts=posts):
                sources = posts
                for source in posts:
                    console.print(_card(source), markup=False, style="dim")
                console.print()
            case LeftOut(posts=left_out) if left_out:
                console.print(f"({_left_out(left_out)})", markup=False, style="dim")
            case Text(delta=delta):
                text += delta
                write(len(text))
            case Citation(numbers=numbers):
                marks = "".join(rf"\[{number}]" for number in numbers)
                write(shown, f"[bold cyan] {marks}[/bold cyan] ")
            case Unsupported():
                write(shown, "[yellow] \\[no post says this][/yellow] ")
            case Notice(code=code, text=said) if code not in {"no_evidence", "nearest_posts"}:
                console.print(f"\n({said})", markup=False, style="dim", end="")
            case Done(outcome=outcome):
                pass
            case _:
                pass
    console.print()
    if sources and outcome == "answered":
        console.print("Written by an AI; the sources say more.", style="dim")
    return outcome


async def _collect(answerer: Answerer, question: str, language: str) -> str:
    from myna.answer.events import (
        Citation,
        Done,
        LeftOut,
        Notice,
        Serving,
        Sources,
        Text,
        Turn,
        Unsupported,
        Usage,
    )

    told: dict[str, Any] = {"question": question, "text": "", "spans": [], "notices": []}
    async for event in answerer.answer([Turn("user", question)], language=language):
        match event:
            case Sources(posts=posts):
                told["sources"] = [_source(source) for source in posts]
            case Serving(version=version):
                told["model_version"] = version
            case LeftOut(posts=left_out):
                told["left_out"] = left_out
            case Text(delta=delta):
                told["text"] += delta
            case Citation(start=start, end=end, numbers=numbers):
                span = {"kind": "citation", "start": start, "end": end, "numbers": list(numbers)}
                told["spans"].append(span)
            case Unsupported(start=start, end=end):
                told["spans"].append({"kind": "unsupported", "start": start, "end": end})
            case Notice(code=code, text=text):
                told["notices"].append({"code": code, "text": text})
            case Usage(prompt_tokens=prompt, completion_tokens=completion):
                told["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
            case Done(outcome=outcome, model=model, prompt_version=version):
                told |= {"outcome": outcome, "model": model, "prompt_version": version}
            case _:
                pass
    print(json.dumps(told, indent=2, ensure_ascii=False))
    return told["outcome"]


def _left_out(posts: int) -> str:
    verb = "post was" if posts == 1 else "posts were"
    return f"{posts} {verb} left out by their authors' wish."


def _card(source: Source) -> str:
    post = source.post
    text = " ".join(post.post.text.split())
    if Use.QUOTE in post.refused:
        text = f"(the author allows no quotation) {post.post.url or post.post.uri}"
    text = text if len(text) <= 140 else text[:139] + "…"
    return f"[{source.number}] {post.post.author.handle}, {post.posted_at:%Y-%m-%d}: {text}"


def _source(source: Source) -> dict[str, Any]:
    post = source.post.post
    return {
        "number": source.number,
        "network": post.network,
        "uri": post.uri,
        "author": post.author.handle,
        "text": "" if Use.QUOTE in source.post.refused else post.text,
        "created_at": post.created_at.isoformat(),
        "url": post.url,
    }
