"""Who is looking: an anonymous, random cookie until there are accounts.

The cookie is a secret (whoever has it sees the chats), so only its SHA-256 is stored.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Annotated

from fastapi import Depends, Request, Response

COOKIE = "myna_viewer"
COOKIE_AGE_S = 400 * 24 * 3600
"""As long as browsers allow; renewed with each new chat."""
_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def viewer_key(cookie: str) -> str:
    """What is stored of a viewer."""
    return hashlib.sha256(cookie.encode("ascii")).hexdigest()


def set_viewer(request: Request, response: Response, cookie: str) -> None:
    """Give the browser its cookie (again); only over TLS where people come that way."""
    base_url: str = request.app.state.wiring.settings.base_url
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=COOKIE_AGE_S,
        httponly=True,
        samesite="lax",
        secure=base_url.startswith("https://"),
        path="/",
    )


async def identify_viewer(request: Request, response: Response) -> str:
    """The key of the viewer who asks; one without a cookie gets one."""
    cookie = request.cookies.get(COOKIE, "")
    if _FORM.fullmatch(cookie):
        return viewer_key(cookie)
    cookie = secrets.token_urlsafe(_BYTES)
    set_viewer(request, response, cookie)
    return viewer_key(cookie)


Viewer = Annotated[str, Depends(identify_viewer)]
