"""Explain a post, sum up its thread or its author, or weigh whether it is true: as an answer in a chat
of its own, so that it streams, can be asked further, and forgets what is deleted."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from myna.answer.task import TaskKind, in_words
from myna.db.engine import Database
from myna.db.posts import find_post
from myna.errors import NotFound
from myna.web.chat_api import AskedView, Language
from myna.web.parts import Ready
from myna.web.viewer import COOKIE, Viewer, set_viewer
from myna.web.views import message_view

router = APIRouter(prefix="/api", tags=["chats"])


class TellBody(BaseModel):
    """What is wanted of which post."""

    kind: TaskKind = Field(
        description="`explain` the post, sum up its `thread` or its author (`profile`), or `check` who "
        "says that it is true and who disputes it."
    )
    network: str = Field(min_length=1, max_length=200)
    uri: str = Field(min_length=1, max_length=2_000, description="The post's URI.")
    language: Language = Field(default="en", description="Language of Myna's own sentences.")


@router.post("/tell", status_code=201)
async def tell(
    body: TellBody, parts: Ready, viewer: Viewer, request: Request, response: Response
) -> AskedView:
    """Explain a post, summarise its thread or its author, or weigh whether it is true. Begins a chat
    with the question in words; the answer is written apart from this request: follow it at
    `/api/messages/{id}/events`. The same can be asked in any chat in plain words with the post's
    address, as in "Explain this post: /p/network/uri". Whether something is true is never decided: the
    answer shows who says what, from how many independent origins."""
    await to_thread.run_sync(_look_for, parts.db, body.network, body.uri)
    chat = await parts.chats.create(viewer)
    if cookie := request.cookies.get(COOKIE):
        set_viewer(request, response, cookie)
    words = in_words(body.kind, body.network, body.uri, body.language)
    question, answer = await parts.chats.ask(viewer, chat.id, words, None, body.language)
    return AskedView(user=message_view(question), assistant=message_view(answer))


def _look_for(db: Database, network: str, uri: str) -> None:
    with db.begin() as conn:
        if find_post(conn, network, uri) is None:
            raise NotFound("There is no such post, or it was deleted.")
