"""The web application: what it is made of, in one place.

``uvicorn --factory myna.web.app:create_app`` serves it; ``myna serve`` does so with the settings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from myna import __version__
from myna.settings import Settings, load_settings
from myna.web import (
    chat_api,
    info_api,
    me_api,
    metrics,
    openai_api,
    search_api,
    signin_api,
    tell_api,
    trends_api,
)
from myna.web.errors import ErrorBody, add_error_handlers
from myna.web.pages import add_pages, page, wants_page
from myna.web.parts import Parts, Wiring
from myna.web.rest import Rest
from myna.web.security import Guard

DESCRIPTION = """Questions answered from a network's posts, with the posts that say so.

Chats belong to a viewer, an anonymous cookie. Errors have OpenAI's shape. Times are UTC; offsets
into texts count Unicode code points."""


def create_app(settings: Settings | None = None, parts: Parts | None = None) -> FastAPI:
    """The app. Its parts are opened when it starts, unless they are given."""
    settings = settings or load_settings()
    wiring = Wiring(settings, parts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # builds the routes too, which would hold up the first requests
        await wiring.start()
        try:
            yield
        finally:
            await wiring.close()

    app = FastAPI(
        title="Myna",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from other hosts
        redoc_url=None,
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
    )
    app.state.wiring = wiring
    app.add_middleware(Rest, folder=settings.index_dir)
    app.add_middleware(Guard, settings=settings)
    add_error_handlers(app)
    for room in (
        info_api,
        chat_api,
        tell_api,
        me_api,
        signin_api,
        search_api,
        trends_api,
        openai_api,
        metrics,
    ):
        app.include_router(room.router)
    add_pages(app)
    _show_page_for_unknown_addresses(app)
    return app


def _show_page_for_unknown_addresses(app: FastAPI) -> None:
    """A person who mistypes an address sees the app's own page for that, with status 404."""
    told = app.exception_handlers[HTTPException]

    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and wants_page(request):
            return page(status=404)
        return await told(request, error)  # pyright: ignore[reportGeneralTypeIssues]

    app.add_exception_handler(HTTPException, handle)
