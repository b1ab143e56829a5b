"""Search, posts and threads."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from myna.db.engine import Database
from myna.db.posts import find_post, get_parents, get_replies, get_thread
from myna.errors import NotFound
from myna.post import State, StoredPost
from myna.web.parts import Ready
from myna.web.views import DeletedPostView, PostView, post_view, thread_post_view

MOST_QUERY_CHARACTERS = 500
MOST_HITS = 100
MOST_REPLIES = 100
MOST_THREAD_POSTS = 500

router = APIRouter(prefix="/api", tags=["posts"])


class HitView(BaseModel):
    """A post that was found."""

    post: PostView
    highlights: list[tuple[int, int]] = Field(
        description="Parts of the text that match: start and end, in code points."
    )
    score: float


class SearchView(BaseModel):
    """What a search found."""

    query: str
    notes: list[str] = Field(description="What in the query was not understood, and why.")
    total: int
    took_ms: float
    hits: list[HitView]


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
        Literal["relevance", "latest"], Query(description="`relevance` or `latest`.")
    ] = "relevance",
) -> SearchView:
    """Search the posts. Operators: `"phrase"` `-not` `OR` `( )` `#tag` `from:` `to:` `mentions:`
    `since:` `until:` `within:` `during:` `lang:` `has:` `is:` `domain:` `url:` `channel:` `thread:`
    `network:` `min_likes:` `min_reposts:`. A query is never refused: what is not understood is searched as words, and
    `notes` says so."""
    found = await to_thread.run_sync(
        partial(parts.searcher.search, q.replace("\0", " "), limit=limit, sort=sort)
    )
    return SearchView(
        query=q,
        notes=list(found.notes),
        total=found.total,
        took_ms=round(found.took_ms, 3),
        hits=[
            HitView(post=post_view(hit.post), highlights=list(hit.snippet), score=hit.score)
            for hit in found.hits
        ],
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
