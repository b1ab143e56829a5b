"""``myna search``: look for posts in the operator language, from the shell."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from myna.index.results import Counts, Hit, SearchResult
    from myna.post import StoredPost


class Sort(StrEnum):
    """Orders of results."""

    relevance = "relevance"
    latest = "latest"
    oldest = "oldest"


class Stretch(StrEnum):
    """What a bar of ``--counts`` stands for."""

    auto = "auto"
    minute = "minute"
    hour = "hour"
    day = "day"
    week = "week"
    month = "month"
    year = "year"


_BAR_CELLS = 48
_BAR_FORMS = {
    "minute": "%Y-%m-%d %H:%M",
    "hour": "%Y-%m-%d %H:%M",
    "day": "%Y-%m-%d %a",
    "week": "%Y-%m-%d",
    "month": "%Y-%m",
    "year": "%Y",
}


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
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Posts to show.")] = 10,
    sort: Annotated[
        Sort, typer.Option(help="Best first, newest first or oldest first.")
    ] = Sort.relevance,
    page: Annotated[int, typer.Option(min=1, max=1000, help="Which page of posts.")] = 1,
    cursor: Annotated[
        str | None, typer.Option(help="Go on behind a page: its next_cursor in --json.")
    ] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Count the posts over time.")] = False,
    bucket: Annotated[Stretch, typer.Option(help="What a bar of --counts stands for.")] = (
        Stretch.auto
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search the posts.

    All parts of the query must hold; write -- before a query that begins with a dash.
    """
    from myna.db.engine import open_database
    from myna.index.buckets import Bucket
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
        if counts:
            chosen = None if bucket is Stretch.auto else Bucket(bucket.value)
            counted = searcher.counts(text, bucket=chosen)
            _show_counts(text, counted, as_json=as_json)
            return
        result = searcher.search(text, limit=limit, sort=sort.value, cursor=cursor)
        for _ in range(page - 1):
            if result.next_cursor is None:
                result = replace(result, hits=[])
                break
            result = searcher.search(text, limit=limit, sort=sort.value, cursor=result.next_cursor)
        behind = searcher.status().lag
    finally:
        db.dispose()
    if as_json:
        print(json.dumps(as_dict(text, result), ensure_ascii=False, indent=2))
        return
    for note in result.notes:
        print(note, file=sys.stderr)
    for stage in result.left_out:
        print(f"The search went on without a stage that failed: {stage}.", file=sys.stderr)
    if behind:
        print(f"The index is {behind:,} changes behind the store.", file=sys.stderr)
    _print(result)
    if result.next_cursor:
        print(f"There are more: --page {page + 1}", file=sys.stderr)


def as_dict(query: str, result: SearchResult) -> dict[str, Any]:
    """The result as scripts read it: the same names as ``GET /api/search`` where both have them."""
    return {
        "query": query,
        "notes": list(result.notes),
        "total": result.total,
        "total_exact": result.total_exact,
        "origins": result.origins,
        "left_out": result.refused,
        "took_ms": round(result.took_ms, 1),
        "degraded": list(result.left_out),
        "next_cursor": result.next_cursor,
        "hits": [_hit(hit) for hit in result.hits],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    post = hit.post.post
    piece = hit.snippet
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
        "highlights": [list(span) for span in hit.highlights],
        "snippet": {
            "text": piece.text,
            "start": piece.start,
            "highlights": [list(span) for span in piece.highlights],
        },
        "score": round(hit.score, 3),
        "copies": hit.copies,
        "first": _place(hit.first) if hit.first else None,
    }


def _place(stored: StoredPost) -> dict[str, Any]:
    post = stored.post
    return {
        "network": post.network,
        "uri": post.uri,
        "author": post.author.handle,
        "created_at": post.created_at.isoformat(),
        "url": post.url,
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
        piece = hit.snippet
        body = Text(piece.text)
        for start, end in piece.highlights:
            body.stylize("bold yellow", start, end)
        if piece.start:
            body = Text("… ") + body
        if piece.start + len(piece.text) < len(post.text):
            body.append(" …")
        console.print(body)
        if hit.first:
            first = hit.first.post
            said = f"{hit.copies:,} posts say this, first @{first.author.handle} "
            console.print(Text(f"{said}{first.created_at:%Y-%m-%d %H:%M}", style="dim"))
        console.print(Text(post.url or f"{post.network} {post.uri}", style="dim"))
        console.print()
    found = f"{result.total:,} post{'s' * (result.total != 1)}" if result.total else "No posts"
    if not result.total_exact:
        found = f"More than {found}"
    if result.origins is not None and result.origins < result.total:
        found += f", {result.origins:,} independent origin{'s' * (result.origins != 1)},"
    console.print(Text(f"{found} in {result.took_ms:.0f} ms", style="dim"))


def _show_counts(query: str, counted: Counts, *, as_json: bool) -> None:
    if as_json:
        found = {
            "query": query,
            "notes": list(counted.notes),
            "bucket": counted.bucket,
            "total": counted.total,
            "earlier": counted.earlier,
            "took_ms": round(counted.took_ms, 1),
            "bars": [{"start": bar.start.isoformat(), "posts": bar.posts} for bar in counted.bars],
        }
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for note in counted.notes:
        print(note, file=sys.stderr)
    most = max((bar.posts for bar in counted.bars), default=0)
    form = _BAR_FORMS[counted.bucket.value]
    for bar in counted.bars:
        length = -(-bar.posts * _BAR_CELLS // most) if most else 0
        print(f"{bar.start:{form}}  {bar.posts:>9,}  {'█' * length}".rstrip())
    if counted.earlier:
        print(f"{counted.earlier:,} earlier posts are not drawn.", file=sys.stderr)
    print(f"{counted.total:,} posts by {counted.bucket} (UTC) in {counted.took_ms:.0f} ms")
