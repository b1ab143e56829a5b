"""Direct messages to Myna's account on a real PDS, which passes the questions on to a fake of the chat
service: the test network has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myna.bot.proofs import Proofs
from myna.db.connections import Secret
from myna.db.engine import Database
from myna.db.members import list_memberships
from myna.feeds.bluesky.account import BlueskyAccount
from myna.feeds.bluesky.chat import DECLARATION
from myna.feeds.bluesky.network import BLUESKY
from myna.feeds.bluesky.server import Server
from myna.feeds.networks import Checked
from myna.safety.consent.claims import claim
from tests.atproto.fake_chat import FakeChat, running
from tests.atproto.network import PASSWORD, AtNetwork, Unavailable, at_network

CHAT = "did:web:chat.invalid#bsky_appview"
"""The PDS knows where the AppView of its settings is, and asks it without a look at any directory."""


@pytest.fixture(scope="module")
def chat() -> Iterator[FakeChat]:
    with running(FakeChat()) as fake:
        yield fake


@pytest.fixture(scope="module")
def chatting(chat: FakeChat) -> Iterator[AtNetwork]:
    """A network whose PDS reaches the fake."""
    settings = {
        "bskyAppViewUrl": f"http://127.0.0.1:{chat.port}",
        "bskyAppViewDid": CHAT.partition("#")[0],
    }
    try:
        with at_network(pds=settings) as network:
            yield network
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)


def test_a_member_proves_an_account_by_a_message(
    db: Database, chatting: AtNetwork, chat: FakeChat
) -> None:
    myna, ann, bob = (chatting.account(name) for name in ("myna", "ann", "bob"))
    account = BlueskyAccount(
        Server(chatting.pds),
        myna.handle,
        lambda: PASSWORD,
        network="bluesky",
        did=myna.did,
        appview=False,
        chat=CHAT,
    )
    assert account.is_marked()
    asked = {"repo": myna.did, "collection": DECLARATION, "rkey": "self"}
    told = Server(chatting.pds).get("com.atproto.repo.getRecord", asked)
    assert told["value"]["allowIncoming"] == "all"

    chat.say("with ann", ann.did, "hello")
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert [one.author for one in account.messages(since)] == [ann.did]
    assert account.messages(since) == []  # read already
    assert (myna.did, "chat.bsky.convo.getMessages") in chat.asked

    now = datetime.now(UTC)
    with db.begin() as conn:
        code, _ = claim(conn, "a viewer", "bluesky", now=now)
        others, _ = claim(conn, "another viewer", "bluesky", now=now)
    chat.say("with ann", ann.did, f"it is me: {code}")
    chat.say("with ann", ann.did, "thanks!")
    chat.say("with bob", bob.did, others, stranger=True)
    assert Proofs(db, "bluesky", account).look() == 2
    with db.begin() as conn:
        assert [one.author for one in list_memberships(conn, "a viewer")] == [ann.did]
        assert [one.author for one in list_memberships(conn, "another viewer")] == [bob.did]


def test_connecting_sees_whether_messages_can_be_read(chatting: AtNetwork) -> None:
    myna = chatting.account("myna")

    def check(chat: str) -> Checked:
        answers = {
            "stream": chatting.stream,
            "fallbacks": "-",
            "labels": "-",
            "relay": "-",
            "appview": "-",
            "plc": chatting.plc,
            "hours": "0",
            "handle": myna.handle,
            "service": chatting.pds,
            "chat": chat,
            "name": "bluesky",
        }
        return BLUESKY.check(answers, Secret({"password": PASSWORD}))

    assert check(CHAT).settings["messages"] == myna.handle
    refused = check("did:web:nowhere.invalid#bsky_chat")
    assert refused.settings["messages"] == ""
    assert "direct messages cannot be read" in refused.summary
    assert "messages" not in check("-").settings
