"""Search, posts and threads."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from myna.db.engine import Database
from myna.db.posts import find_post, get_parents, get_replies, get_thread
from myna.errors import InvalidRequest, NotFound
from myna.index.buckets import Bucket
from myna.index.budget import Stage
from myna.post import State, StoredPost
from myna.web.errors import BadParameter
from myna.web.parts import Ready
from myna.web.views import DeletedPostView, PostView, post_view, thread_post_view

if TYPE_CHECKING:  # its libraries are loaded behind the server's start
    from myna.index.results import Hit

MOST_QUERY_CHARACTERS = 500
MOST_HITS = 100
MOST_REPLIES = 100
MOST_THREAD_POSTS = 500

router = APIRouter(prefix="/api", tags=["posts"])


Spans = list[tuple[int, int]]


class SnippetView(BaseModel):
    """A piece of a post's text; of a short post all of it."""

    text: str
    start: int = Field(description="Where the piece begins in the post's text, in code points.")
    highlights: Spans = Field(description="Parts of the piece that match.")


class HitView(BaseModel):
    """A post that was found."""

    post: PostView
    highlights: Spans = Field(
        description="Parts of the text that match: start and end, in code points."
    )
    snippet: SnippetView = Field(description="The piece that shows best why the post was found.")
    score: float
    copies: int = Field(description="Posts that were found and say the same, this one among them.")
    first: PostView | None = Field(description="The earliest of them, where there are several.")


class SearchView(BaseModel):
    """What a search found."""

    query: str
    notes: list[str] = Field(description="What in the query was not understood, and why.")
    total: int
    total_exact: bool = Field(description="False where there are more than were counted.")
    origins: int | None = Field(
        description="How many of them are no copy of another; null where there are too many to count."
    )
    left_out: int = Field(
        description="Posts that match and were left out, for their authors do not want to be found."
    )
    took_ms: float
    degraded: list[Stage] = Field(
        description="Stages that were late or broken, without which the search went on."
    )
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")
    hits: list[HitView]


class BarView(BaseModel):
    """Posts from `start` to the start of the next bar."""

    start: datetime
    posts: int


class CountsView(BaseModel):
    """How many posts of a search were written when, the oldest first, without gaps."""

    query: str
    notes: list[str] = Field(description="What in the query was not understood, and why.")
    bucket: Bucket
    total: int
    earlier: int = Field(description="Posts before the first bar.")
    took_ms: float
    bars: list[BarView]


class PostPage(BaseModel):
    """A post, what it replies to, and the replies to it."""

    post: PostView
    parent: PostView | None
    replies: list[PostView]


class ThreadPage(BaseModel):
    """A conversation, oldest post first."""

    root: str
    posts: list[PostView | DeletedPostView]


@router.get("/search")
async def search(
    parts: Ready,
    q: Annotated[str, Query(max_length=MOST_QUERY_CHARACTERS, description="Words and operators.")],
    limit: Annotated[int, Query(ge=1, le=MOST_HITS, description="Hits at most.")] = 20,
    sort: Annotated[
        Literal["relevance", "latest", "oldest"],
        Query(description="`relevance`, `latest` or `oldest`."),
    ] = "relevance",
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before, with the same `q`.")
    ] = None,
) -> SearchView:
    """Search the posts. Operators: `"phrase"` `-not` `OR` `( )` `#tag` `from:` `to:` `mentions:`
    `since:` `until:` `within:` `during:` `lang:` `has:` `is:` `domain:` `url:` `channel:` `thread:`
    `network:` `min_likes:` `min_reposts:`. A query is never refused: what is not understood is searched as words, and
    `notes` says so. Pages never repeat or skip a post that was there at the first one, whatever
    arrives or goes meanwhile; a page may hold fewer posts than `limit` where some were deleted."""
    try:
        found = await to_thread.run_sync(
            partial(
                parts.searcher.search, q.replace("\0", " "), limit=limit, sort=sort, cursor=cursor
            )
        )
    except InvalidRequest as error:
        raise BadParameter(str(error), "cursor") from error
    return SearchView(
        query=q,
        notes=list(found.notes),
        total=found.total,
        total_exact=found.total_exact,
        origins=found.origins,
        left_out=found.refused,
        took_ms=round(found.took_ms, 3),
        degraded=list(found.left_out),
        next_cursor=found.next_cursor,
        hits=[_hit_view(hit) for hit in found.hits],
    )


@router.get("/search/counts")
async def count_posts(
    parts: Ready,
    q: Annotated[str, Query(max_length=MOST_QUERY_CHARACTERS, description="Words and operators.")],
    bucket: Annotated[
        Literal["auto", "minute", "hour", "day", "week", "month", "year"],
        Query(description="The stretch of time of a bar; `auto` gives up to a hundred bars."),
    ] = "auto",
) -> CountsView:
    """How many posts of a search were written when. The same query language as search; posts that
    are only near in meaning are not counted. At most 1,000 bars, the latest; `earlier` counts the
    posts before them. Times are UTC."""
    counted = await to_thread.run_sync(
        partial(
            parts.searcher.counts,
            q.replace("\0", " "),
            bucket=None if bucket == "auto" else Bucket(bucket),
        )
    )
    return CountsView(
        query=q,
        notes=list(counted.notes),
        bucket=counted.bucket,
        total=counted.total,
        earlier=counted.earlier,
        took_ms=round(counted.took_ms, 3),
        bars=[BarView(start=bar.start, posts=bar.posts) for bar in counted.bars],
    )


@router.get("/posts/{network}/{uri:path}")
async def read_post(network: str, uri: str, parts: Ready) -> PostPage:
    """A post with the post that it replies to and the replies to it, oldest first. `uri` is
    percent-encoded."""
    post, parent, replies = await to_thread.run_sync(_read_post, parts.db, network, uri)
    return PostPage(
        post=post_view(post),
        parent=post_view(parent) if parent else None,
        replies=[post_view(reply) for reply in replies],
    )


@router.get("/threads/{network}/{uri:path}")
async def read_thread(network: str, uri: str, parts: Ready) -> ThreadPage:
    """The whole conversation that a post belongs to, oldest first (500 posts at most). A deleted
    post keeps its place, without its text. `uri` is percent-encoded; any post of the thread will
    do."""
    root, posts = await to_thread.run_sync(_read_thread, parts.db, network, uri)
    return ThreadPage(root=root, posts=[thread_post_view(post) for post in posts])


def _hit_view(hit: Hit) -> HitView:
    piece = hit.snippet
    return HitView(
        post=post_view(hit.post),
        highlights=list(hit.highlights),
        snippet=SnippetView(text=piece.text, start=piece.start, highlights=list(piece.highlights)),
        score=hit.score,
        copies=hit.copies,
        first=post_view(hit.first) if hit.first else None,
    )


def _read_post(
    db: Database, network: str, uri: str
) -> tuple[StoredPost, StoredPost | None, list[StoredPost]]:
    with db.begin() as conn:
        post = find_post(conn, network, uri)
        if post is None:
            raise NotFound("There is no such post, or it was deleted.")
        parent = get_parents(conn, [post]).get(post.id)
        replies = get_replies(conn, [post], MOST_REPLIES).get(post.id, [])
    return post, parent, replies


def _read_thread(db: Database, network: str, uri: str) -> tuple[str, list[StoredPost]]:
    with db.begin() as conn:
        post = find_post(conn, network, uri)
        root = post.thread if post else uri
        posts = get_thread(conn, network, root, MOST_THREAD_POSTS)
    if not any(post.state is State.LIVE for post in posts):
        raise NotFound("There is no such thread, or all of it was deleted.")
    return root, posts
