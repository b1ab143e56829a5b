"""Chats and their messages: one row a message, a tree by ``parent_id``.

Every read of a chat or a message is scoped by its viewer (SHA-256 of the viewer's cookie); what
belongs to somebody else looks like something that does not exist. What answers rest on is in
``grounds``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, text, update

from myna.db.tables import chats, messages

Role = Literal["user", "assistant"]

PATH_MESSAGES = 64
"""Newest messages of a conversation that are read for an answer; prompts hold fewer."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation of one viewer."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What an answer has come to: all that changes in its row while it is written."""

    state: str = "running"
    """running, done, stopped, failed or interrupted."""
    outcome: str | None = None
    """answered, declined or small_talk; None until it is known."""
    text: str = ""
    spans: Sequence[Mapping[str, Any]] = ()
    """``{"kind": "citation" | "unsupported" | "removed", "start", "end", "numbers"}``, in code
    points; one that is removed has a ``reason``, too."""
    notices: Sequence[Mapping[str, str]] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    model: str | None = None
    prompt_version: str | None = None
    finished_at: datetime | None = None
    left_out: int = 0
    """Posts that were found and left out by their authors' wish."""
    model_version: str | None = None
    """Of the model that stood behind it, whether its words are shown or not."""
    first_word_ms: int | None = None
    """Milliseconds from the question to the first word of the answer."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the tree. A question is ``done`` from the start."""

    id: UUID
    chat_id: UUID
    parent_id: UUID | None
    role: Role
    created_at: datetime
    progress: Progress


def _chat(row: Row[Any]) -> Chat:
    return Chat(row.id, row.title, row.created_at, row.updated_at)


def _message(row: Row[Any]) -> Message:
    progress = Progress(
        row.state,
        row.outcome,
        row.text,
        tuple(row.spans),
        tuple(row.notices),
        row.usage,
        row.error,
        row.model,
        row.prompt_version,
        row.finished_at,
        row.left_out,
        row.model_version,
        row.first_word_ms,
    )
    return Message(row.id, row.chat_id, row.parent_id, row.role, row.created_at, progress)


def create_chat(conn: Connection, viewer: str, title: str, now: datetime) -> Chat:
    """A new chat without messages."""
    chat = Chat(uuid4(), title, now, now)
    conn.execute(
        insert(chats).values(id=chat.id, viewer=viewer, title=title, created_at=now, updated_at=now)
    )
    return chat


def list_chats(conn: Connection, viewer: str, limit: int) -> list[Chat]:
    """The viewer's chats, the most recently used first."""
    newest = chats.c.updated_at.desc(), chats.c.id
    rows = conn.execute(
        select(chats).where(chats.c.viewer == viewer).order_by(*newest).limit(limit)
    )
    return [_chat(row) for row in rows]


def find_chat(conn: Connection, viewer: str, chat_id: UUID) -> Chat | None:
    """The viewer's chat of this id."""
    mine = (chats.c.id == chat_id) & (chats.c.viewer == viewer)
    row = conn.execute(select(chats).where(mine)).one_or_none()
    return _chat(row) if row else None


def rename_chat(
    conn: Connection, viewer: str, chat_id: UUID, title: str, now: datetime
) -> Chat | None:
    """Give a chat another title; None where there is no such chat."""
    row = conn.execute(
        update(chats)
        .where((chats.c.id == chat_id) & (chats.c.viewer == viewer))
        .values(title=title, updated_at=now)
        .returning(chats)
    ).one_or_none()
    return _chat(row) if row else None


def title_chat(conn: Connection, chat_id: UUID, title: str) -> None:
    """Give a chat its first title; one that has a title keeps it."""
    untitled = (chats.c.id == chat_id) & (chats.c.title == "")
    conn.execute(update(chats).where(untitled).values(title=title))


def delete_chat(conn: Connection, viewer: str, chat_id: UUID) -> bool:
    """Delete a chat with all its messages and sources; False where there is no such chat."""
    mine = (chats.c.id == chat_id) & (chats.c.viewer == viewer)
    return conn.execute(delete(chats).where(mine)).rowcount > 0


def count_messages(conn: Connection, chat_id: UUID) -> int:
    """How many messages a chat holds, over all branches."""
    count = select(func.count()).select_from(messages).where(messages.c.chat_id == chat_id)
    return conn.execute(count).scalar_one()


def list_messages(conn: Connection, chat_id: UUID) -> list[Message]:
    """All messages of a chat, over all branches, in order of creation."""
    rows = conn.execute(
        select(messages).where(messages.c.chat_id == chat_id).order_by(messages.c.position)
    )
    return [_message(row) for row in rows]


def find_message(conn: Connection, viewer: str, message_id: UUID) -> Message | None:
    """The message, if it is in one of the viewer's chats."""
    row = conn.execute(
        select(messages)
        .join(chats, chats.c.id == messages.c.chat_id)
        .where((messages.c.id == message_id) & (chats.c.viewer == viewer))
    ).one_or_none()
    return _message(row) if row else None


def read_path(conn: Connection, message_id: UUID, limit: int = PATH_MESSAGES) -> list[Message]:
    """The conversation that leads to a message: from the root down to it, the newest ``limit``."""
    steps = (
        select(messages.c.id, messages.c.parent_id, literal(1).label("step"))
        .where(messages.c.id == message_id)
        .cte("steps", recursive=True)
    )
    steps = steps.union_all(
        select(messages.c.id, messages.c.parent_id, steps.c.step + 1)
        .join(steps, messages.c.id == steps.c.parent_id)
        .where(steps.c.step < limit)
    )
    rows = conn.execute(
        select(messages).join(steps, steps.c.id == messages.c.id).order_by(steps.c.step.desc())
    )
    return [_message(row) for row in rows]


def add_message(
    conn: Connection,
    chat_id: UUID,
    parent_id: UUID | None,
    role: Role,
    progress: Progress,
    *,
    now: datetime,
) -> Message | None:
    """Add a message below ``parent_id`` and mark the chat as used; None if the chat is gone."""
    touched = conn.execute(
        update(chats).where(chats.c.id == chat_id).values(updated_at=now)
    ).rowcount
    if not touched:
        return None
    message = Message(uuid4(), chat_id, parent_id, role, now, progress)
    conn.execute(
        insert(messages).values(
            id=message.id,
            chat_id=chat_id,
            parent_id=parent_id,
            role=role,
            created_at=now,
            **_columns(progress),
        )
    )
    return message


def save_progress(conn: Connection, message_id: UUID, progress: Progress) -> bool:
    """Write how far an answer has come; False if the message was deleted in the meantime.

    While it grows nobody waits for the disk: what the next save brings again may be lost, if the
    machine fails (not when Myna alone does).
    """
    if progress.state == "running":
        conn.execute(text("set local synchronous_commit to off"))
    saved = update(messages).where(messages.c.id == message_id).values(**_columns(progress))
    return conn.execute(saved).rowcount > 0


def lock_message(conn: Connection, message_id: UUID) -> Message | None:
    """A message of whatever viewer; until the caller's transaction ends nobody else changes it."""
    row = conn.execute(
        select(messages).where(messages.c.id == message_id).with_for_update()
    ).one_or_none()
    return _message(row) if row else None


def rewrite_message(conn: Connection, message_id: UUID, progress: Progress) -> None:
    """Write another text and its spans, whatever state the message is in."""
    conn.execute(
        update(messages)
        .where(messages.c.id == message_id)
        .values(text=progress.text, spans=list(progress.spans))
    )


def interrupt_running(conn: Connection, now: datetime) -> int:
    """Mark what a dead process left running; the text that was saved stays. Returns how many."""
    stale = update(messages).where(messages.c.state == "running")
    return conn.execute(stale.values(state="interrupted", finished_at=now)).rowcount


def _columns(progress: Progress) -> dict[str, Any]:
    return {
        "state": progress.state,
        "outcome": progress.outcome,
        "text": progress.text,
        "spans": list(progress.spans),
        "notices": list(progress.notices),
        "usage": dict(progress.usage),
        "error": dict(progress.error) if progress.error else None,
        "model": progress.model,
        "prompt_version": progress.prompt_version,
        "finished_at": progress.finished_at,
        "left_out": progress.left_out,
        "model_version": progress.model_version,
        "first_word_ms": progress.first_word_ms,
    }
