"""``myna trends``: what more people speak of than usual, from the shell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from myna.index.trends import Trend, TrendsResult


class Window(StrEnum):
    """Spans that are compared with the past."""

    quarter = "15m"
    hour = "1h"
    six_hours = "6h"
    day = "24h"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("trends")(trends)


def trends(
    window: Annotated[Window, typer.Option(help="How far back to look.")] = Window.hour,
    network: Annotated[str | None, typer.Option(help="Only posts of this network.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="End of the window: a date, an ISO time (UTC) or a span before now. By default "
            "now, or where nothing was posted in the window, the time of the newest post."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Trends to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what rises: words, tags and links that more people bring up than their past lets expect.

    Counted are authors who say it in their own words: copies and bots do not count.
    """
    from myna.db.engine import open_database
    from myna.errors import InvalidRequest
    from myna.index.query import parse_time
    from myna.index.trends import Trends
    from myna.settings import load_settings
    from myna.telemetry import configure_logging

    moment = parse_time(at, datetime.now(UTC)) if at else None
    if at and moment is None:
        raise InvalidRequest("--at needs a time like 2024-01-31, 2024-01-31T18:00Z or 7d.")
    settings = load_settings()
    configure_logging("warning")
    db = open_database(settings)
    try:
        found = Trends(db, settings.index_dir).rising(
            window.value, network=network, limit=limit, at=moment
        )
    finally:
        db.dispose()
    if as_json:
        print(json.dumps(as_dict(found), ensure_ascii=False, indent=2))
    else:
        _print(found)


def as_dict(found: TrendsResult) -> dict[str, Any]:
    """The result as scripts read it: the same names as ``GET /api/trends`` where both have them."""
    return {
        "window": found.window,
        "network": found.network,
        "since": found.since.isoformat(),
        "at": found.at.isoformat(),
        "posts": found.posts,
        "took_ms": round(found.took_ms, 1),
        "trends": [_trend(trend) for trend in found.trends],
    }


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "name": trend.name,
        "kind": trend.kind,
        "subjects": list(trend.subjects),
        "score": round(trend.score, 2),
        "authors": trend.authors,
        "expected": round(trend.expected, 2),
        "origins": trend.origins,
        "posts": trend.posts,
        "first_at": trend.first_at.isoformat(),
        "query": trend.query,
        "examples": [
            {
                "network": stored.post.network,
                "uri": stored.post.uri,
                "author": stored.post.author.handle,
                "text": stored.post.text,
                "created_at": stored.post.created_at.isoformat(),
                "url": stored.post.url,
            }
            for stored in trend.examples
        ],
    }


def _print(found: TrendsResult) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for trend in found.trends:
        head = Text(trend.name, style="bold")
        head.append(
            f"  {trend.authors} authors (usually {trend.expected:.1f}), {trend.posts:,} posts, "
            f"{trend.origins:,} independent, since {trend.first_at:%Y-%m-%d %H:%M}",
            style="not bold dim",
        )
        console.print(head)
        post = trend.examples[0].post
        console.print(Text(f"  @{post.author.handle}: {' '.join(post.text.split())[:200]}"))
        console.print(Text(f"  myna search '{trend.query}'", style="dim"))
    what = "Nothing rises" if not found.trends else f"{len(found.trends)} rising"
    until = f"the {found.window} to {found.at:%Y-%m-%d %H:%M} UTC"
    console.print(Text(f"{what} in {until} ({found.posts:,} posts)", style="dim"))
