"""``myna search``: look for posts in the operator language, from the shell."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from myna.index.results import Hit, SearchResult


class Sort(StrEnum):
    """Orders of results."""

    relevance = "relevance"
    latest = "latest"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("search")(search)


def search(
    query: Annotated[
        list[str],
        typer.Argument(
            help='Words, "phrases", -not, OR, (groups), #tag, from:, to:, mentions:, since:, until:, '
            "within:, during:, lang:, has:, is:, domain:, url:, channel:, thread:, network:, "
            "min_likes:, min_reposts:."
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=200, help="Posts to show.")] = 10,
    sort: Annotated[Sort, typer.Option(help="Best first, or newest first.")] = Sort.relevance,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search the posts.

    All parts of the query must hold; write -- before a query that begins with a dash.
    """
    from myna.db.engine import open_database
    from myna.index.embed import open_embedder
    from myna.index.search import Searcher
    from myna.settings import load_settings
    from myna.telemetry import configure_logging

    settings = load_settings()
    configure_logging("warning")
    db = open_database(settings)
    try:
        searcher = Searcher(db, settings.index_dir, embedder=open_embedder(settings.embedder))
        text = " ".join(query)
        result = searcher.search(text, limit=limit, sort=sort.value)
        behind = searcher.status().lag
    finally:
        db.dispose()
    if as_json:
        print(json.dumps(as_dict(text, result), ensure_ascii=False, indent=2))
        return
    for note in result.notes:
        print(note, file=sys.stderr)
    if behind:
        print(f"The index is {behind:,} changes behind the store.", file=sys.stderr)
    _print(result)


def as_dict(query: str, result: SearchResult) -> dict[str, Any]:
    """The result as scripts read it: the same names as ``GET /api/search`` where both have them."""
    return {
        "query": query,
        "notes": list(result.notes),
        "total": result.total,
        "took_ms": round(result.took_ms, 1),
        "hits": [_hit(hit) for hit in result.hits],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    post = hit.post.post
    return {
        "network": post.network,
        "uri": post.uri,
        "author": post.author.handle,
        "text": post.text,
        "created_at": post.created_at.isoformat(),
        "channel": post.channel,
        "reply_to": post.reply_to,
        "thread": hit.post.thread,
        "url": post.url,
        "highlights": [list(span) for span in hit.snippet],
        "score": round(hit.score, 3),
    }


def _print(result: SearchResult) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for hit in result.hits:
        post = hit.post.post
        head = Text(f"@{post.author.handle}", style="bold")
        where = f"  {post.channel or post.network}  {post.created_at:%Y-%m-%d %H:%M}"
        head.append(where, style="not bold dim")
        console.print(head)
        body = Text(post.text)
        for start, end in hit.snippet:
            body.stylize("bold yellow", start, end)
        console.print(body)
        console.print(Text(post.url or f"{post.network} {post.uri}", style="dim"))
        console.print()
    found = f"{result.total:,} post{'s' * (result.total != 1)}" if result.total else "No posts"
    console.print(Text(f"{found} in {result.took_ms:.0f} ms", style="dim"))
