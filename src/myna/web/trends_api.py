"""What rises."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from myna.index.trends import MOST, Trend
from myna.web.parts import Ready
from myna.web.views import PostView, post_view

router = APIRouter(prefix="/api", tags=["posts"])


class TrendView(BaseModel):
    """A topic that rises."""

    name: str
    kind: Literal["word", "tag", "link"]
    subjects: list[str] = Field(description="Words, tags and links of the same posts.")
    score: float = Field(description="Standard deviations above what its past lets expect.")
    authors: int = Field(description="Who spoke of it in their own words: no copies, no bots.")
    expected: float = Field(description="Authors that its past lets expect.")
    origins: int = Field(description="Posts that are no copy of an earlier one.")
    posts: int = Field(description="Posts with their copies.")
    first_at: datetime = Field(description="When it was first said within the window.")
    query: str = Field(description="The search that finds its posts.")
    examples: list[PostView]


class TrendsView(BaseModel):
    """What rises in a window of time."""

    window: str
    network: str | None
    since: datetime
    at: datetime = Field(description="End of the window.")
    posts: int = Field(description="All posts of the window.")
    took_ms: float
    trends: list[TrendView]


@router.get("/trends")
async def trends(
    parts: Ready,
    window: Annotated[
        Literal["15m", "1h", "6h", "24h"], Query(description="How far back to look.")
    ] = "1h",
    network: Annotated[
        str | None, Query(max_length=200, description="Only posts of this network.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Trends at most.")] = 10,
    at: Annotated[
        datetime | None,
        Query(
            description="End of the window. By default now, or where nothing was posted in the "
            "window, the time of the newest post."
        ),
    ] = None,
) -> TrendsView:
    """Words, tags and links that more people bring up than their past lets expect. Counted are
    authors who say it in their own words: copies and bots do not count. An answer is kept for 5
    seconds, and given for a minute while the next one is made."""
    look = partial(parts.trends.rising, window, network=network, limit=limit, at=_utc(at))
    found = await to_thread.run_sync(look)
    return TrendsView(
        window=found.window,
        network=found.network,
        since=found.since,
        at=found.at,
        posts=found.posts,
        took_ms=round(found.took_ms, 3),
        trends=[_view(trend) for trend in found.trends],
    )


def _view(trend: Trend) -> TrendView:
    return TrendView(
        name=trend.name,
        kind=trend.kind,
        subjects=list(trend.subjects),
        score=round(trend.score, 3),
        authors=trend.authors,
        expected=round(trend.expected, 3),
        origins=trend.origins,
        posts=trend.posts,
        first_at=trend.first_at,
        query=trend.query,
        examples=[post_view(stored) for stored in trend.examples],
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
