"""The app's own API: chats, questions, and the events of their answers."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from myna.chats.service import MOST_QUESTION_CHARACTERS, MOST_TITLE_CHARACTERS
from myna.web.parts import Ready
from myna.web.sse import KEEP_ALIVE_S, EventStream, change_frames, frame, frames
from myna.web.viewer import COOKIE, Viewer, set_viewer
from myna.web.views import (
    ChatsView,
    ChatView,
    FullChatView,
    MessageView,
    chat_view,
    full_chat_view,
    message_view,
)

ERROR_AS_JSON = {
    "description": "An error: JSON also where the answer itself is not.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
}
Language = Literal["en", "fr"]

router = APIRouter(prefix="/api", tags=["chats"])


class TitleBody(BaseModel):
    """A chat's new title."""

    title: str = Field(min_length=1, max_length=MOST_TITLE_CHARACTERS)


class QuestionBody(BaseModel):
    """A question and its place in the chat."""

    text: str = Field(min_length=1, max_length=MOST_QUESTION_CHARACTERS)
    parent_id: UUID | None = Field(
        default=None, description="The answer that this question follows; null begins anew."
    )
    language: Language = Field(default="en", description="Language of Myna's own sentences.")


class AgainBody(BaseModel):
    """How to answer again."""

    language: Language = "en"


class AskedView(BaseModel):
    """A question, and its answer that is being written."""

    user: MessageView
    assistant: MessageView


class AgainView(BaseModel):
    """The answer that is being written."""

    assistant: MessageView


@router.get("/chats")
async def list_chats(parts: Ready, viewer: Viewer) -> ChatsView:
    """The viewer's chats, the most recently used first. A viewer is a random cookie,
    `myna_viewer`, which the first answer sets."""
    return ChatsView(chats=[chat_view(chat) for chat in await parts.chats.list(viewer)])


@router.post("/chats", status_code=201)
async def create_chat(
    parts: Ready, viewer: Viewer, request: Request, response: Response
) -> FullChatView:
    """Begin a new, empty chat. Its title comes from its first question."""
    chat = await parts.chats.create(viewer)
    if cookie := request.cookies.get(COOKIE):  # it lives as long as it is used
        set_viewer(request, response, cookie)
    return full_chat_view(chat, [])


@router.get("/chats/{chat_id}")
async def read_chat(chat_id: UUID, parts: Ready, viewer: Viewer) -> FullChatView:
    """A chat with all its messages in order of creation; `parent_id` makes them a tree. An answer
    that is being written is there with its text so far."""
    return full_chat_view(*await parts.chats.read(viewer, chat_id))


@router.patch("/chats/{chat_id}")
async def rename_chat(chat_id: UUID, body: TitleBody, parts: Ready, viewer: Viewer) -> ChatView:
    """Give a chat another title."""
    return chat_view(await parts.chats.rename(viewer, chat_id, body.title))


@router.delete("/chats/{chat_id}", status_code=204)
async def delete_chat(chat_id: UUID, parts: Ready, viewer: Viewer) -> None:
    """Delete a chat with all its messages; an answer that is being written in it is stopped."""
    await parts.chats.delete(viewer, chat_id)


@router.post("/chats/{chat_id}/messages", status_code=201)
async def ask(chat_id: UUID, body: QuestionBody, parts: Ready, viewer: Viewer) -> AskedView:
    """Ask a question. The answer is written apart from this request; follow it at
    `/api/messages/{id}/events`."""
    question, answer = await parts.chats.ask(
        viewer, chat_id, body.text, body.parent_id, body.language
    )
    return AskedView(user=message_view(question), assistant=message_view(answer))


@router.post("/messages/{message_id}/regenerate", status_code=201)
async def regenerate(
    message_id: UUID, parts: Ready, viewer: Viewer, body: AgainBody | None = None
) -> AgainView:
    """Answer the same question again. The new answer stands beside the old one, which stays."""
    language = body.language if body else "en"
    answer = await parts.chats.regenerate(viewer, message_id, language)
    return AgainView(assistant=message_view(answer))


@router.post("/messages/{message_id}/stop")
async def stop(message_id: UUID, parts: Ready, viewer: Viewer) -> MessageView:
    """Stop an answer; the text so far stays. One that has ended is returned as it is."""
    return message_view(await parts.chats.stop(viewer, message_id))


@router.get(
    "/messages/{message_id}/events",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        "4XX": ERROR_AS_JSON,
        "5XX": ERROR_AS_JSON,
    },
)
async def follow(
    message_id: UUID,
    parts: Ready,
    viewer: Viewer,
    after: Annotated[
        int | None, Query(ge=0, description="Send what came after the event of this number.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it when they reconnect.")
    ] = None,
) -> Response:
    """The events of an answer as server-sent events, from the first or after a number; neither
    a lost connection nor a second reader changes the answer. Each has `id`, `event` and JSON
    `data`: `status {stage}`, `sources {sources}`, `left_out {posts}`, `text {delta}`, `citation {start, end,
    numbers}`, `unsupported {start, end}`, `notice {code, text}`, `usage {prompt_tokens,
    completion_tokens}`, `withdrawn {numbers}` (a post was withdrawn while it was read: what was told
    so far is not to be shown, and the answer ends), and as the last one `done {outcome, model, prompt_version, model_version, state}` or
    `error {code, message}`. Text that a late reader missed comes in one piece. When the events are
    no longer in memory, one `message` event holds the whole message, and the stream ends."""
    number = _number(last_event_id)
    last_id = number if number is not None else after or 0
    generation = parts.chats.generation(viewer, message_id)
    if generation and (generation.running or last_id < generation.log.last_id):
        last_id = min(last_id, generation.log.last_id)
        return EventStream(frames(generation.log, last_id, parts.chats.refresh))
    view = message_view(await parts.chats.message(viewer, message_id))
    return Response(
        frame("message", view.model_dump_json().encode()),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/changes",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        "4XX": ERROR_AS_JSON,
        "5XX": ERROR_AS_JSON,
    },
)
async def follow_changes(parts: Ready, viewer: Viewer) -> Response:
    """What changes in the viewer's chats after they were read, as server-sent events: `ready {}`
    at the start, then `changed {chat_id, message_id}` for each answer from which something was
    removed, since a post that it rests on was deleted, edited or withdrawn. Both ids are null where
    it may be any."""
    return EventStream(change_frames(parts.chats.changes.follow(viewer, KEEP_ALIVE_S)))


def _number(last_event_id: str | None) -> int | None:
    """The header as a number; what we did not send counts as nothing."""
    text = (last_event_id or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
