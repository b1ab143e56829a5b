"""The JSON of the app: what the front end and the OpenAPI document are built on.

Times are UTC in ISO 8601. Offsets into texts are Unicode code points, end exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, Field

from myna.answer.allowed import is_withheld
from myna.answer.events import Source as AnswerSource
from myna.chats.shown import ShownMessage, ShownSource
from myna.db.chats import Chat
from myna.post import State, StoredPost


class AuthorView(BaseModel):
    """Who wrote a post."""

    handle: str
    name: str
    is_bot: bool


class PostView(BaseModel):
    """A post as its network gave it."""

    network: str
    uri: str
    author: AuthorView
    text: str
    created_at: datetime
    indexed_at: datetime
    edited_at: datetime | None
    lang: str | None
    channel: str | None
    reply_to: str | None = Field(description="URI of the post that this one answers.")
    thread: str = Field(description="URI of the first post of the conversation.")
    likes: int
    reposts: int
    url: str | None = Field(description="Where people can see the post on its own network.")
    app_url: str = Field(description="Where people can see the post in this app.")
    original_created_at: datetime | None = Field(
        default=None, description="When a replayed post was first written."
    )
    withheld: bool = Field(
        default=False,
        description="In an answer: the author allows no quotation, so `text` is empty.",
    )


class DeletedPostView(BaseModel):
    """The place of a deleted post in a thread."""

    network: str
    uri: str
    deleted: Literal[True] = True


class SourceView(BaseModel):
    """A numbered post that an answer was given; ``post`` is null where it was deleted since."""

    number: int
    score: float | None = None
    post: PostView | None
    parent: PostView | None = Field(description="What the post replies to.")
    copies: int = Field(
        default=1, description="Posts that were found and say the same, this one among them."
    )


class SourcesView(BaseModel):
    """The sources of an answer."""

    sources: list[SourceView]


class SpanView(BaseModel):
    """A part of an answer's text: supported by the numbered posts, by none of them, or a mark in the
    place of what was removed with its posts."""

    kind: Literal["citation", "unsupported", "removed"]
    start: int
    end: int
    numbers: list[int]
    reason: Literal["deleted", "withdrawn", "edited", "expired", "hidden"] | None = Field(
        default=None, description="Why it was removed."
    )


class NoticeView(BaseModel):
    """Something that the reader should know about the answer."""

    code: str
    text: str


class ProblemView(BaseModel):
    """Why an answer broke off."""

    code: str
    message: str


class UsageView(BaseModel):
    """Tokens that the model read and wrote."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class MessageView(BaseModel):
    """A question or an answer."""

    id: UUID
    chat_id: UUID
    parent_id: UUID | None
    role: Literal["user", "assistant"]
    state: Literal["running", "done", "stopped", "failed", "interrupted"]
    outcome: str | None = Field(description="answered, declined or small_talk.")
    text: str
    spans: list[SpanView]
    sources: list[SourceView]
    notices: list[NoticeView]
    left_out: int = Field(description="Posts that were left out by their authors' wish.")
    usage: UsageView | None
    error: ProblemView | None
    model: str | None
    prompt_version: str | None
    model_version: str | None = Field(
        default=None, description="Of the model behind it, whether its words are shown or not."
    )
    created_at: datetime
    finished_at: datetime | None


class ChatView(BaseModel):
    """A chat without its messages."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


class ChatsView(BaseModel):
    """The viewer's chats, the most recently used first."""

    chats: list[ChatView]


class FullChatView(ChatView):
    """A chat with its messages in order of creation; ``parent_id`` makes them a tree."""

    messages: list[MessageView]


def post_view(stored: StoredPost) -> PostView:
    """The JSON of a live post."""
    post = stored.post
    return PostView(
        network=post.network,
        uri=post.uri,
        author=AuthorView(
            handle=post.author.handle, name=post.author.name, is_bot=post.author.is_bot
        ),
        text=post.text,
        created_at=post.created_at,
        indexed_at=stored.indexed_at,
        edited_at=stored.edited_at,
        lang=post.lang,
        channel=post.channel,
        reply_to=post.reply_to,
        thread=stored.thread,
        likes=post.likes,
        reposts=post.reposts,
        url=safe_url(post.url),
        app_url=app_path(post.network, post.uri),
        original_created_at=_instant(post.raw),
    )


def source_post_view(stored: StoredPost) -> PostView:
    """The JSON of a post that an answer names: without its words where they may not be quoted."""
    view = post_view(stored)
    return view.model_copy(update={"text": "", "withheld": True}) if is_withheld(stored) else view


def thread_post_view(stored: StoredPost) -> PostView | DeletedPostView:
    """A post of a thread; of a deleted one only that it was there."""
    if stored.state is not State.LIVE:
        return DeletedPostView(network=stored.post.network, uri=stored.post.uri)
    return post_view(stored)


def source_view(source: AnswerSource | ShownSource) -> SourceView:
    """A source of an answer."""
    return SourceView(
        number=source.number,
        score=source.score,
        copies=source.copies,
        post=source_post_view(source.post) if source.post else None,
        parent=source_post_view(source.parent) if source.post and source.parent else None,
    )


def message_view(shown: ShownMessage) -> MessageView:
    """A message with its sources."""
    message, progress = shown.message, shown.message.progress
    return MessageView.model_validate(
        {
            "id": message.id,
            "chat_id": message.chat_id,
            "parent_id": message.parent_id,
            "role": message.role,
            "state": progress.state,
            "outcome": progress.outcome,
            "text": progress.text,
            "spans": list(progress.spans),
            "sources": [source_view(source) for source in shown.sources],
            "notices": list(progress.notices),
            "left_out": progress.left_out,
            "usage": progress.usage or None,
            "error": progress.error,
            "model": progress.model,
            "prompt_version": progress.prompt_version,
            "model_version": progress.model_version,
            "created_at": message.created_at,
            "finished_at": progress.finished_at,
        }
    )


def chat_view(chat: Chat) -> ChatView:
    """A chat without its messages."""
    return ChatView(
        id=chat.id, title=chat.title, created_at=chat.created_at, updated_at=chat.updated_at
    )


def full_chat_view(chat: Chat, messages: list[ShownMessage]) -> FullChatView:
    """A chat with its messages."""
    return FullChatView(
        **chat_view(chat).model_dump(), messages=[message_view(message) for message in messages]
    )


def app_path(network: str, uri: str) -> str:
    """The page of a post in this app."""
    return f"/p/{quote(network, safe='')}/{quote(uri, safe='')}"


def safe_url(url: str | None) -> str | None:
    """A network's link to a post, if it is one that a browser may follow."""
    return url if url and url.lower().startswith(("https://", "http://")) else None


def _instant(raw: Mapping[str, Any]) -> datetime | None:
    value = raw.get("original_created_at")
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
