"""A member on the page: proves an account, says no, and sees an open answer lose the words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import Connection

from myna.db.engine import open_database
from myna.db.posts import find_post
from myna.feeds.ingest import apply_all
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.browser.conftest import Come
from tests.browser.running import RunningApp
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(600)]

QUESTION = "How do I restart X?"
GONE_MS = 5_000


@contextmanager
def store(app: RunningApp) -> Iterator[Connection]:
    """The app's own store, as its feeds write to it."""
    db = open_database(Settings(home=app.home), migrate=False)
    try:
        with db.begin() as conn:
            yield conn
    finally:
        db.dispose()


def cited(message: dict[str, Any]) -> dict[str, Any]:
    """The first post that an answer cites."""
    number = next(n for span in message["spans"] for n in span["numbers"])
    return next(one["post"] for one in message["sources"] if one["number"] == number)


def prove(app: RunningApp, member: Visitor, post: dict[str, Any]) -> None:
    """Post the code that the page shows from the account of a post."""
    page = member.goto("/me")
    page.get_by_role("button", name="Get a code").click()
    code = page.get_by_text(re.compile("^myna-proves-account-")).inner_text()
    expect(page.get_by_role("status").filter(has_text="Waiting for your post")).to_be_visible()
    with store(app) as conn:
        stored = find_post(conn, post["network"], post["uri"])
        assert stored
        author: Author = stored.post.author
        uri = f"{post['uri']}-proof"
        proof = Post(post["network"], uri, author, f"It is me: {code}", datetime.now(UTC))
        apply_all(conn, [Event(Kind.CREATE, proof.network, uri, proof)], now=datetime.now(UTC))


def test_an_open_answer_loses_the_words_of_a_deleted_post(
    visitor: Visitor, app: RunningApp
) -> None:
    visitor.goto()
    answer = visitor.wait_for_end(visitor.ask(QUESTION))
    post = cited(visitor.chat()["messages"][-1])
    words = answer.locator(".span-cited").first.inner_text()
    with store(app) as conn:
        event = Event(Kind.DELETE, post["network"], post["uri"])
        apply_all(conn, [event], now=datetime.now(UTC))
    mark = answer.locator(".span-removed").first
    expect(mark).to_have_text("[removed: the author deleted the post]", timeout=GONE_MS)
    expect(answer).not_to_contain_text(words)


def test_a_member_sees_where_the_posts_were_used_and_says_no(
    come: Come, visitor: Visitor, app: RunningApp
) -> None:
    visitor.goto()
    answer = visitor.wait_for_end(visitor.ask("How do I mount an ISO image?"))
    message = visitor.chat()["messages"][-1]
    post = cited(message)
    member = come(locale="fr-FR")
    member.goto("/me")
    expect(member.page.get_by_role("heading", level=1)).to_have_text("Vos messages dans Myna")
    member = come()
    prove(app, member, post)
    page = member.page
    handle = post["author"]["handle"]
    part = page.get_by_role("region", name=f"{handle} on {post['network']}")
    expect(part).to_be_visible(timeout=10_000)
    expect(part.locator("blockquote").first).to_be_visible()
    quoted = part.locator("blockquote").all_inner_texts()
    first = message["spans"][0]
    said = message["text"][first["start"] : first["end"]]
    assert any(" ".join(said.split()) == " ".join(one.split()) for one in quoted)
    assert "mount an ISO image?" not in page.locator("main").inner_text().replace(said, "")

    quote = part.get_by_role("group", name="Your word on: Quote")
    quote.get_by_role("button", name="No", exact=True).click()
    expect(quote.get_by_role("button", name="No", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(part.get_by_text("you said so").first).to_be_visible()
    expect(answer.locator(".span-removed").first).to_have_text(
        "[removed: the author does not allow this use any more]", timeout=GONE_MS
    )
    with page.expect_download() as download:
        part.get_by_role("link", name="Save all as a file").click()
    assert download.value.suggested_filename == "myna-receipts.json"
    assert member.overflow_px() == 0
    part.get_by_role("button", name="Not mine in this browser any more").click()
    expect(part).to_have_count(0)
