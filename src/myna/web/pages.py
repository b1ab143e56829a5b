"""The built front end: one page for all its addresses, and its files."""

from __future__ import annotations

from pathlib import Path

from anyio import Path as AsyncPath
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
PAGES = ("/", "/c/{id}", "/p/{network}/{uri:path}", "/search", "/about", "/me")
"""Addresses of the front end; each one is the same page."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""For files with a hash in their name."""
NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Myna</title>
<h1>The front end is not built</h1>
<p>Run <code>make up</code> in the repository, or <code>pip install .</code>: both build it.</p>
<p>The API works without it: see <a href="/openapi.json">/openapi.json</a>.</p>
"""


class Assets(StaticFiles):
    """Files that never change under their name."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept for a year."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = IMMUTABLE
        return response


def page(folder: Path = STATIC, status: int = 200) -> Response:
    """The front end's page; it names the built files, so it must not be kept."""
    index = folder / "index.html"
    headers = {"Cache-Control": "no-cache"}
    if not index.is_file():
        return HTMLResponse(NOT_BUILT, status_code=503, headers=headers)
    return FileResponse(index, status, headers, media_type="text/html")


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for something to look at."""
    api = request.url.path.startswith(("/api/", "/v1/", "/assets/"))
    return request.method == "GET" and not api and "text/html" in request.headers.get("accept", "")


def add_pages(app: FastAPI, folder: Path = STATIC) -> None:
    """Serve the front end from ``folder``; call it after all other routes are there."""
    router = APIRouter(include_in_schema=False)

    async def show() -> Response:
        return page(folder)

    for address in PAGES:
        router.add_api_route(address, show, methods=["GET", "HEAD"])

    files = StaticFiles(directory=folder, check_dir=False)

    async def show_file(name: str, request: Request) -> Response:
        """A file beside the page: the icon, robots.txt."""
        if not await AsyncPath(folder).is_dir():
            raise HTTPException(404)
        return await files.get_response(name, request.scope)

    app.mount("/assets", Assets(directory=folder / "assets", check_dir=False))
    router.add_api_route("/{name}", show_file, methods=["GET", "HEAD"])
    app.include_router(router)
