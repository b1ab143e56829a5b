"""A fake of X's API with a state: posts, rules, the filtered stream, recent search, mentions,
compliance jobs, posting. It is a fake and answers no more than stands here, in the shapes of X's
documentation; it was never compared with X itself."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from myna.feeds.x.post import id_at

BEARER = "bearer-of-the-app"
MYNA = {"id": "999", "username": "myna", "name": "Myna"}


@dataclass
class FakeX:
    """What it has is in ``posts``, by number."""

    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=lambda: {"999": dict(MYNA)})
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    """Number of a post or an account → why it is gone."""
    asked: list[str] = field(default_factory=list)
    refuse: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    """Path → status and headers with which its next request is refused."""
    page: int = 100
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploaded: dict[str, list[str]] = field(default_factory=dict)
    fail_jobs: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    lose_answers: int = 0
    port: int = 0
    _queues: list[asyncio.Queue[str | None]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _count: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def listeners(self) -> int:
        return len(self._queues)

    def user(self, name: str, **more: Any) -> dict[str, Any]:
        id = str(1000 + sum(name.encode()))
        user = {"id": id, "username": name, "name": name.title(), "protected": False, **more}
        self.users[id] = user
        return user

    def post(self, text: str = "words", **more: Any) -> dict[str, Any]:
        """A new post, which nobody has heard of yet."""
        self._count += 1
        at: datetime = more.pop("at", None) or datetime.now(UTC)
        id = str(int(id_at(at)) + self._count)
        author = more.pop("by", None) or self.user("ann")
        post = {
            "id": id,
            "text": text,
            "author_id": author["id"],
            "created_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "edit_history_tweet_ids": [id],
            "lang": "en",
            "public_metrics": {"like_count": 0, "retweet_count": 0},
            **more,
        }
        self.posts[id] = post
        return post

    def envelope(self, *posts: dict[str, Any]) -> dict[str, Any]:
        """Posts with what comes along with them."""
        named = {one["id"] for post in posts for one in post.get("referenced_tweets", ())}
        beside = [self.posts[id] for id in named if id in self.posts]
        authors = {one["author_id"] for one in (*posts, *beside)}
        return {"includes": {"users": [self.users[id] for id in authors], "tweets": beside}}

    def say(self, *posts: dict[str, Any]) -> None:
        """Stream posts to whoever listens."""
        for post in posts:
            self.tell({"data": post, **self.envelope(post), "matching_rules": []})

    def tell(self, told: Any) -> None:
        self._send(told if isinstance(told, str) else json.dumps(told))

    def hang_up(self) -> None:
        self._send(None)

    def _send(self, line: str | None) -> None:
        for queue in list(self._queues):
            if self._loop:
                self._loop.call_soon_threadsafe(queue.put_nowait, line)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def refuse(request: Request, call_next: Any) -> Response:
            self.asked.append(f"{request.method} {request.url.path}?{request.url.query}")
            if request.url.path in self.refuse:
                status, headers = self.refuse.pop(request.url.path)
                return JSONResponse({"title": "no"}, status, headers=headers)
            return await call_next(request)

        def check(authorization: str | None) -> None:
            if authorization != f"Bearer {BEARER}":
                raise HTTPException(401)

        def check_account(authorization: str | None) -> None:
            if not (authorization or "").startswith('OAuth oauth_consumer_key="'):
                raise HTTPException(401)

        @app.get("/2/tweets/search/stream/rules")
        def rules(authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            return {"data": list(self.rules.values()), "meta": {}}

        @app.post("/2/tweets/search/stream/rules")
        def set_rules(
            body: dict[str, Any], dry_run: bool = False, authorization: str | None = Header(None)
        ) -> dict[str, Any]:
            check(authorization)
            for id in body.get("delete", {}).get("ids", ()):
                self.rules.pop(id)
            made = []
            for rule in body.get("add", ()):
                if rule["value"].startswith("("):
                    return {"meta": {"summary": {"invalid": 1}}, "errors": [{"title": "Invalid"}]}
                self._count += 1
                made.append({"id": str(self._count), **rule})
            if not dry_run:
                self.rules |= {one["id"]: one for one in made}
            return {"data": made, "meta": {"summary": {"created": len(made)}}}

        @app.get("/2/tweets/search/stream")
        async def stream(authorization: str | None = Header(None)) -> StreamingResponse:
            check(authorization)
            self._loop = asyncio.get_running_loop()
            queue: asyncio.Queue[str | None] = asyncio.Queue()

            async def lines() -> AsyncIterator[str]:
                self._queues.append(queue)
                try:
                    yield "\r\n"
                    while (line := await queue.get()) is not None:
                        yield line + "\r\n"
                finally:
                    self._queues.remove(queue)

            return StreamingResponse(lines(), media_type="application/json")

        def found(request: Request, wanted: list[dict[str, Any]]) -> dict[str, Any]:
            query = request.query_params
            since = int(query.get("since_id", "0"))
            wanted = sorted(
                (one for one in wanted if int(one["id"]) > since),
                key=lambda one: int(one["id"]),
                reverse=True,
            )
            start = int(query.get("pagination_token") or query.get("next_token") or 0)
            some = wanted[start : start + self.page]
            meta: dict[str, Any] = {"result_count": len(some)}
            if some:
                meta |= {"newest_id": some[0]["id"], "oldest_id": some[-1]["id"]}
            if start + self.page < len(wanted):
                meta["next_token"] = str(start + self.page)
            return {"data": some, **self.envelope(*some), "meta": meta} if some else {"meta": meta}

        @app.get("/2/tweets/search/recent")
        def search(
            request: Request, query: str, authorization: str | None = Header(None)
        ) -> dict[str, Any]:
            check(authorization)
            return found(request, [one for one in self.posts.values() if query in one["text"]])

        @app.get("/2/users/me")
        def me(authorization: str | None = Header(None)) -> dict[str, Any]:
            check_account(authorization)
            return {"data": MYNA}

        @app.get("/2/users/{id}/mentions")
        def mentions(
            request: Request, id: str, authorization: str | None = Header(None)
        ) -> dict[str, Any]:
            check(authorization)
            handle = f"@{self.users[id]['username']}"
            return found(request, [one for one in self.posts.values() if handle in one["text"]])

        @app.get("/2/users/{id}/tweets")
        def timeline(
            request: Request, id: str, authorization: str | None = Header(None)
        ) -> dict[str, Any]:
            check(authorization)
            return found(request, [one for one in self.posts.values() if one["author_id"] == id])

        @app.get("/2/tweets/{id}")
        def one(id: str, authorization: str | None = Header(None)) -> Any:
            check(authorization)
            if id not in self.posts:
                return {"errors": [{"title": "Not Found Error"}]}
            return {"data": self.posts[id], **self.envelope(self.posts[id])}

        @app.post("/2/tweets", status_code=201)
        def send(body: dict[str, Any], authorization: str | None = Header(None)) -> Any:
            check_account(authorization)
            references = [{"type": "replied_to", "id": body["reply"]["in_reply_to_tweet_id"]}]
            made = self.post(body["text"], by=self.users["999"], referenced_tweets=references)
            self.sent.append(made)
            if self.lose_answers:
                self.lose_answers -= 1
                raise HTTPException(503)
            return {"data": {"id": made["id"], "text": made["text"]}}

        @app.delete("/2/tweets/{id}")
        def unsend(id: str, authorization: str | None = Header(None)) -> Any:
            check_account(authorization)
            self.posts.pop(id, None)
            return {"data": {"deleted": True}}

        @app.post("/2/compliance/jobs")
        def job(body: dict[str, Any], authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            self._count += 1
            id = str(self._count)
            self.jobs[id] = {
                "id": id,
                "type": body["type"],
                "status": "created",
                "upload_url": f"http://localhost:{self.port}/signed/{id}",
                "download_url": f"http://localhost:{self.port}/signed/{id}",
            }
            return {"data": self.jobs[id]}

        @app.get("/2/compliance/jobs/{id}")
        def state(id: str, authorization: str | None = Header(None)) -> dict[str, Any]:
            check(authorization)
            job = self.jobs[id]
            if self.fail_jobs:
                self.fail_jobs -= 1
                job["status"] = "failed"
            else:
                job["status"] = {"created": "in_progress"}.get(job["status"], "complete")
            return {"data": job}

        @app.put("/signed/{id}")
        async def upload(
            id: str, request: Request, authorization: str | None = Header(None)
        ) -> Response:
            assert authorization is None, "the token is for the API alone"
            self.uploaded[id] = (await request.body()).decode().split()
            return Response()

        @app.get("/signed/{id}")
        def download(id: str, authorization: str | None = Header(None)) -> PlainTextResponse:
            assert authorization is None, "the token is for the API alone"
            lines = [
                json.dumps({"id": one, "action": "delete", "reason": self.gone[one]})
                for one in self.uploaded[id]
                if one in self.gone
            ]
            return PlainTextResponse("\n".join(lines))

        return app


@contextmanager
def running(fake: FakeX) -> Iterator[FakeX]:
    """The fake on a free port."""
    server = uvicorn.Server(
        uvicorn.Config(fake.app(), host="127.0.0.1", port=fake.port, log_level="critical")
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
