"""Proving an account by signing in with its network: the browser goes there and comes back.

What is kept between the two is sealed, belongs to this viewer, works once and for ten minutes. Who is
led here by somebody else's link proves nothing to them: the login must have begun in the same browser.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from myna.db.connections import list_connections
from myna.db.engine import Database
from myna.db.members import add_membership
from myna.db.signins import save_sign_in, take_sign_in
from myna.db.vault import Vault
from myna.errors import MynaError
from myna.feeds.signin import Client, SignIn, open_sign_in
from myna.telemetry import get_logger
from myna.web.errors import BadParameter
from myna.web.parts import Ready
from myna.web.viewer import Viewer

LIFETIME = timedelta(minutes=10)
CALLBACK = "/api/me/sign-ins/back"
METADATA = "/api/me/sign-ins/client.json"
MOST_AT_ONCE = 4
"""Logins that wait for a network's server: they have threads of their own."""

T = TypeVar("T")
log = get_logger("web")
router = APIRouter(prefix="/api/me/sign-ins", tags=["member"])
_waiting = CapacityLimiter(MOST_AT_ONCE)


class SignInBody(BaseModel):
    """With which account."""

    network: str = Field(min_length=1, max_length=200)
    account: str = Field(
        min_length=1,
        max_length=300,
        description="Its handle: `name.example` on Bluesky, `@name@instance.example` on Mastodon.",
    )


class SignInView(BaseModel):
    """The login has begun."""

    address: str = Field(description="Where the browser goes to sign in; it comes back by itself.")


def _client(request: Request) -> Client:
    """This Myna, by the address that it is opened under."""
    public: str = request.app.state.wiring.settings.public_url
    base = (public or str(request.base_url)).rstrip("/")
    return Client(base, base + CALLBACK, base + METADATA)


AsClient = Annotated[Client, Depends(_client)]


@router.post("", status_code=201)
async def begin(
    body: SignInBody, parts: Ready, viewer: Viewer, client: AsClient, request: Request
) -> SignInView:
    """Begin to sign in with a network's account, which proves that it is yours. Myna learns who you
    are and nothing else, and keeps no token."""
    vault = Vault(request.app.state.wiring.settings.home)

    def work() -> str:
        sign_in = _open(parts.db, body.network)
        if sign_in is None:
            raise BadParameter("One cannot sign in with this network here.", "network")
        state = secrets.token_urlsafe(32)
        begun = sign_in.begin(body.account, state, client)
        sealed = vault.seal(json.dumps(dict(begun.kept)).encode())
        now = datetime.now(UTC)
        with parts.db.begin() as conn:
            save_sign_in(
                conn,
                viewer,
                _digest(state),
                body.network,
                sealed,
                now=now,
                expires_at=now + LIFETIME,
            )
        return begun.address

    return SignInView(address=await _apart(work))


@router.get("/back", status_code=303, response_class=RedirectResponse)
async def end(
    parts: Ready,
    viewer: Viewer,
    client: AsClient,
    request: Request,
    *,
    state: Annotated[str, Query(max_length=200, description="Which login it is.")] = "",
    code: Annotated[str, Query(max_length=4_000, description="Absent where it was refused.")] = "",
    iss: Annotated[str, Query(max_length=1_000, description="Who sends it (AT Protocol).")] = "",
) -> RedirectResponse:
    """Where a network sends the browser back to. It goes on to the member's page, which says whether
    the account is proven."""
    vault = Vault(request.app.state.wiring.settings.home)

    def work() -> None:
        with parts.db.begin() as conn:
            found = take_sign_in(conn, viewer, _digest(state), datetime.now(UTC))
        sign_in = _open(parts.db, found[0]) if found else None
        if found is None or sign_in is None:
            raise BadParameter(
                "This login was not begun in this browser, or too long ago.", "state"
            )
        kept: dict[str, str] = json.loads(vault.open(found[1]))
        author = sign_in.end(kept, {"code": code, "iss": iss}, client)
        with parts.db.begin() as conn:
            add_membership(conn, viewer, found[0], author, datetime.now(UTC))

    try:
        await _apart(work)
    except MynaError as error:
        log.info("a login came to nothing", reason=error.code)
        return RedirectResponse("/me?proof=failed", 303)
    return RedirectResponse("/me?proof=done", 303)


@router.get("/client.json")
async def metadata(client: AsClient) -> dict[str, Any]:
    """What this Myna says of itself to authorization servers of the AT network (its client
    metadata)."""
    from myna.feeds.bluesky.signin import metadata_of  # with the libraries of that network

    return metadata_of(client)


def _open(db: Database, network: str) -> SignIn | None:
    with db.begin() as conn:
        connections = list_connections(conn)
    return open_sign_in(connections, network)


async def _apart(work: Callable[[], T]) -> T:
    return await to_thread.run_sync(work, limiter=_waiting)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
