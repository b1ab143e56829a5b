"""What stands before every route: the host, origin and kind of a request; headers of an answer.

Myna listens on loopback without passwords, so any page in the same browser could try to talk to
it. The Host check stops DNS rebinding (another site's name that points here), the Origin check
stops other sites' forms and scripts, and no CORS header is ever sent.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myna.settings import Settings
from myna.web.errors import error_response

MAX_BODY_BYTES = 1_000_000
"""Largest body of any request."""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_TOO_LARGE = f"A request has at most {MAX_BODY_BYTES:,} bytes."
_READS = {"GET", "HEAD", "OPTIONS"}
_WITH_BODY = {"POST", "PUT", "PATCH"}
_API = ("/api/", "/v1/")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


class Guard:
    """ASGI middleware, outermost of ours."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.public = urlsplit(settings.public_url).netloc.lower()
        self.names = {"localhost", "127.0.0.1", "::1", settings.host.lower()}
        self.names.add((urlsplit(settings.public_url).hostname or "").lower())
        self.names -= {"", "0.0.0.0", "::"}
        self.any_address = not _is_loopback(settings.host)
        """Whether a bare IP address is a fine host: no foreign name can be rebound to it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        path = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if path.startswith(_API):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self.refuse(scope["method"], path, Headers(scope=scope))
        await (refusal or self.app)(scope, _limited(receive), send_with_headers)

    def refuse(self, method: str, path: str, headers: Headers) -> Response | None:
        """The answer to a request that goes no further; None for one that may."""
        if len(headers.getlist("host")) != 1 or not self.is_ours(headers["host"]):
            return error_response(
                421,
                "This server does not answer under that name. "
                "Set MYNA_PUBLIC_URL to the address that people use.",
                "unknown_host",
            )
        if method in _READS:
            return None
        if not self.is_same_origin(headers):
            return error_response(403, "Requests from other sites are refused.", "cross_origin")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return error_response(413, _TOO_LARGE, "request_too_large")
        if method in _WITH_BODY and path.startswith(_API) and _has_body(headers):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return error_response(
                    415,
                    "Send JSON, with the header Content-Type: application/json.",
                    "unsupported_media_type",
                )
        return None

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server; the port does not matter."""
        name = _hostname(host)
        if name in self.names:
            return True
        return self.any_address and _is_address(name)

    def is_same_origin(self, headers: Headers) -> bool:
        """Whether a write comes from our own page, or from something that is not a browser."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
        netloc = urlsplit(origin).netloc.lower()
        return bool(netloc) and netloc in {headers["host"].lower(), self.public}


def _limited(receive: Receive) -> Receive:
    """``receive`` for bodies that do not say their length first."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted


def _hostname(host: str) -> str:
    if not _HOST.fullmatch(host):
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
