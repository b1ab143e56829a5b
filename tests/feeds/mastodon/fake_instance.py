"""A fake of an instance of Mastodon, with a state: statuses, accounts, timelines with paging, streams
over websockets, limits, deletions, edits. It is a fake and answers no more than stands here, in the
shapes of Mastodon's documentation."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, Response

TOKEN = "token-of-the-bot"
BEGIN = datetime.now(UTC) - timedelta(hours=1)


@dataclass
class FakeInstance:
    """What it has is in ``statuses``, by number."""

    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    timelines: dict[str, list[str]] = field(default_factory=dict)
    """Stream's name (with its hashtag or list) → numbers of its statuses."""
    asked: list[str] = field(default_factory=list)
    """Path and query of each request."""
    opened: list[str] = field(default_factory=list)
    """Query of each stream that was opened."""
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers with which the next requests are refused."""
    headers: dict[str, str] = field(default_factory=dict)
    gives_many: bool = True
    deaf: bool = False
    """Streams say nothing of what happens."""
    posted: list[dict[str, Any]] = field(default_factory=list)
    mentioned: list[str] = field(default_factory=list)
    """Numbers of the statuses that mention the account."""
    lose_answers: int = 0
    """So many posts are taken without an answer."""
    blockers: set[str] = field(default_factory=set)
    """Names of accounts that block Myna."""
    port: int = 0
    _keys: dict[str, str] = field(default_factory=dict)
    _sockets: list[tuple[str, asyncio.Queue[Any]]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _count: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def status(self, words: str = "words", **more: Any) -> dict[str, Any]:
        """A new status, which nobody has heard of yet. ``at`` is when it was written."""
        self._count += 1
        at: datetime = more.pop("at", None) or BEGIN + timedelta(seconds=self._count)
        id = str((int(at.timestamp() * 1000) << 16) + self._count)
        name = more.pop("by", "ann")
        account = self.account(name, **more.pop("account", {}))
        status = {
            "id": id,
            "uri": f"https://instance.example/users/{name}/statuses/{id}",
            "url": f"https://instance.example/@{name}/{id}",
            "created_at": at.isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "in_reply_to_id": None,
            "visibility": "public",
            "language": "en",
            "spoiler_text": "",
            "sensitive": False,
            "content": f"<p>{words}</p>",
            "reblog": None,
            "account": account,
            "favourites_count": 0,
            "reblogs_count": 0,
            "replies_count": 0,
            "media_attachments": [],
            "mentions": [],
            "tags": [],
            "emojis": [],
            "card": None,
            "poll": None,
            **more,
        }
        self.statuses[id] = status
        return status

    def account(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "id": str(sum(name.encode())),
            "username": name.partition("@")[0],
            "acct": name,
            "uri": f"https://instance.example/users/{name}",
            "url": f"https://instance.example/@{name}",
            "display_name": name.title(),
            "bot": False,
            "indexable": True,
            "discoverable": True,
            "noindex": False,
            "note": "",
            "fields": [],
            **more,
        }

    def say(self, *statuses: dict[str, Any], stream: str = "public:local") -> None:
        """Put statuses into a timeline and stream them."""
        for status in statuses:
            self.timelines.setdefault(stream, []).append(status["id"])
            self.tell(stream, "update", status)

    def edit(self, status: dict[str, Any], words: str, stream: str = "public:local") -> None:
        status["content"] = f"<p>{words}</p>"
        status["edited_at"] = datetime.now(UTC).isoformat()
        self.tell(stream, "status.update", status)

    def delete(self, status: dict[str, Any], stream: str = "public:local") -> None:
        self._forget(status["id"])
        for numbers in self.timelines.values():
            with suppress(ValueError):
                numbers.remove(status["id"])
        self.tell(stream, "delete", status["id"])

    def _forget(self, id: str) -> dict[str, Any]:
        """Answers to it are answers to nothing from then on."""
        for one in self.statuses.values():
            if one["in_reply_to_id"] == id:
                one["in_reply_to_id"] = None
        return self.statuses.pop(id)

    def tell(self, stream: str, event: str, payload: Any) -> None:
        """Stream anything at all."""
        if self.deaf or not self._loop:
            return
        told = payload if isinstance(payload, str) else json.dumps(payload)
        message = json.dumps({"stream": [stream], "event": event, "payload": told})
        self._send(stream, message)

    def hang_up(self) -> None:
        """Close every stream."""
        self._send("", None)

    def _send(self, stream: str, message: str | None) -> None:
        for name, queue in list(self._sockets):
            if self._loop and (not stream or name == stream):
                self._loop.call_soon_threadsafe(queue.put_nowait, message)

    @property
    def listeners(self) -> int:
        return len(self._sockets)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def refuse(request: Request, call_next: Any) -> Response:
            self.asked.append(f"{request.url.path}?{request.url.query}")
            if self.refuse:
                status, headers = self.refuse.pop(0)
                return JSONResponse({"error": "no"}, status, headers=headers)
            answer = await call_next(request)
            answer.headers.update(self.headers)
            return answer

        def check(authorization: str | None) -> None:
            if authorization != f"Bearer {TOKEN}":
                raise HTTPException(401)

        @app.get("/api/v2/instance")
        def instance() -> dict[str, Any]:
            return {
                "domain": "instance.example",
                "title": "Instance",
                "configuration": {
                    "urls": {"streaming": f"ws://{self.host}"},
                    "statuses": {"max_characters": 500},
                },
            }

        @app.get("/api/v1/accounts/verify_credentials")
        def credentials(authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            return self.account("myna", bot=True)

        @app.get("/api/v1/accounts/relationships")
        def relationships(
            request: Request, authorization: str | None = Header(None)
        ) -> list[dict[str, Any]]:
            check(authorization)
            ids = request.query_params.getlist("id[]")
            blocked = {self.account(name)["id"] for name in self.blockers}
            return [{"id": id, "blocking": False, "blocked_by": id in blocked} for id in ids]

        @app.get("/api/v1/accounts/{id}/statuses")
        def of_account(
            id: str, limit: int = 20, max_id: str = "", authorization: str | None = Header(None)
        ) -> list[dict[str, Any]]:
            check(authorization)
            found = [one for one in self.statuses.values() if one["account"]["id"] == id]
            found = [one for one in found if not max_id or int(one["id"]) < int(max_id)]
            return sorted(found, key=lambda one: int(one["id"]), reverse=True)[:limit]

        @app.get("/api/v1/timelines/{where:path}")
        def timeline(
            where: str,
            local: bool = False,
            limit: int = 20,
            min_id: str = "",
            max_id: str = "",
            authorization: str | None = Header(None),
        ) -> list[dict[str, Any]]:
            check(authorization)
            kind, _, rest = where.partition("/")
            name = {
                "public": "public:local" if local else "public",
                "home": "user",
                "tag": f"hashtag {rest}",
                "list": f"list {rest}",
            }[kind]
            if kind == "list" and name not in self.timelines:
                raise HTTPException(404)
            ids = sorted(self.timelines.get(name, ()), key=int, reverse=True)
            if max_id:
                ids = [id for id in ids if int(id) < int(max_id)]
            if min_id:
                ids = [id for id in ids if int(id) > int(min_id)][-limit:]
            return [self.statuses[id] for id in ids[:limit]]

        @app.get("/api/v1/statuses")
        def many(request: Request, authorization: str | None = Header(None)) -> list[Any]:
            check(authorization)
            if not self.gives_many:
                raise HTTPException(404)
            ids = request.query_params.getlist("id[]")
            return [self.statuses[one] for one in ids if one in self.statuses]

        @app.get("/api/v1/statuses/{id}")
        def one(id: str, authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            if id not in self.statuses:
                raise HTTPException(404)
            return self.statuses[id]

        @app.get("/api/v1/statuses/{id}/context")
        def context(id: str, authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            if id not in self.statuses:
                raise HTTPException(404)
            below = [one for one in self.statuses.values() if one["in_reply_to_id"] == id]
            above, here = [], self.statuses[id]
            while parent := self.statuses.get(here["in_reply_to_id"] or ""):
                above.insert(0, parent)
                here = parent
            return {"ancestors": above, "descendants": below}

        @app.post("/api/v1/statuses")
        def post(
            body: dict[str, Any],
            authorization: str | None = Header(None),
            idempotency_key: str = Header(""),
        ) -> Any:
            check(authorization)
            counted = re.sub(r"@(\w+)@[\w.]+", r"@\1", body["status"])
            if len(counted) > 500:
                return JSONResponse({"error": "too long"}, 422)
            if idempotency_key in self._keys:
                return self.statuses[self._keys[idempotency_key]]
            words = body.pop("status")
            answered = self.statuses.get(body["in_reply_to_id"])
            named = [answered["account"]] if answered else []
            made = self.status(words, by="myna", at=datetime.now(UTC), mentions=named, **body)
            self._keys[idempotency_key] = made["id"]
            self.posted.append(made)
            if self.lose_answers:
                self.lose_answers -= 1
                return JSONResponse({"error": "gateway"}, 502)
            return made

        @app.delete("/api/v1/statuses/{id}")
        def unsend(id: str, authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            if id not in self.statuses:
                raise HTTPException(404)
            return self._forget(id)

        @app.get("/api/v1/notifications")
        def notifications(
            limit: int = 20,
            min_id: str = "",
            max_id: str = "",
            authorization: str | None = Header(None),
        ) -> list[dict[str, Any]]:
            check(authorization)
            told = [
                {
                    "id": str(number),
                    "type": "mention",
                    "created_at": self.statuses[id]["created_at"],
                    "status": self.statuses[id],
                }
                for number, id in enumerate(self.mentioned, 1)
                if id in self.statuses and (not max_id or number < int(max_id))
            ]
            if min_id:
                told = [one for one in told if int(one["id"]) > int(min_id)][:limit]
            return list(reversed(told))[:limit]

        @app.websocket("/api/v1/streaming")
        async def streaming(socket: WebSocket) -> None:
            if socket.headers.get("authorization") != f"Bearer {TOKEN}":
                await socket.close(1008)  # before accepting: status 403
                return
            query = socket.query_params
            name = " ".join(filter(None, (query["stream"], query.get("tag"), query.get("list"))))
            await socket.accept()
            self._loop = asyncio.get_running_loop()
            queue: asyncio.Queue[Any] = asyncio.Queue()
            mine = (name, queue)
            self._sockets.append(mine)
            self.opened.append(str(query))
            leave = asyncio.create_task(socket.receive())
            leave.add_done_callback(lambda _: queue.put_nowait(None))
            try:
                while (message := await queue.get()) is not None:
                    await socket.send_text(message)
                await socket.close(1012)
            except Exception:
                return
            finally:
                leave.cancel()
                self._sockets.remove(mine)

        return app

    def mention(self, words: str, **more: Any) -> dict[str, Any]:
        """A status that mentions Myna, by somebody elsewhere."""
        me = {
            "id": self.account("myna")["id"],
            "acct": "myna",
            "url": "https://instance.example/@myna",
        }
        markup = (
            '<a href="https://instance.example/@myna" class="u-url mention">@<span>myna</span></a>'
        )
        status = self.status(
            f"{markup} {words}", **{"by": "bo@other.example", "mentions": [me], **more}
        )
        self.mentioned.append(status["id"])
        return status

    def forget_keys(self) -> None:
        """As an instance does after an hour."""
        self._keys.clear()


@contextmanager
def running(fake: FakeInstance) -> Iterator[FakeInstance]:
    """The fake on a free port."""
    server = uvicorn.Server(
        uvicorn.Config(
            fake.app(),
            host="127.0.0.1",
            port=fake.port,
            log_level="critical",
            ws="websockets-sansio",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < limit
        time.sleep(0.01)
    fake.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        fake.hang_up()
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
