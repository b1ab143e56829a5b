"""The member's page: prove an account, see where its posts were used, and say no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from myna.db.connections import list_connections
from myna.db.engine import Database
from myna.db.members import (
    Membership,
    end_membership,
    list_memberships,
    waits_for_claim,
)
from myna.db.networks import list_networks
from myna.db.receipts import Receipt, count_receipts, list_receipts
from myna.errors import NotFound
from myna.feeds.signin import offers_sign_in
from myna.post import Use
from myna.safety.consent.claims import claim
from myna.safety.consent.decision import By, Word
from myna.safety.consent.ledger import Standing, choose, standing_of
from myna.web.errors import BadParameter
from myna.web.parts import Ready
from myna.web.viewer import Viewer

UseName = Literal["retrieve", "quote", "embed", "train", "generate"]
USES: tuple[UseName, ...] = ("retrieve", "quote", "generate", "embed", "train")
MOST_RECEIPTS = 100
"""Receipts on a page."""
_EXPORTED_AT_ONCE = 500

T = TypeVar("T")
router = APIRouter(prefix="/api/me", tags=["member"])

Network = Annotated[str, Query(max_length=200, description="The account's network.")]
Author = Annotated[str, Query(max_length=1000, description="The account's id on its network.")]


class UseView(BaseModel):
    """What counts for one use of an account's posts."""

    use: UseName
    allowed: bool
    by: By = Field(description="Who said so: network, member, operator or default.")
    why: str = Field(description="What the network's record is, as `#nobot`; else empty.")
    choice: Literal["yes", "no"] | None = Field(description="What the member said to Myna.")


class AccountView(BaseModel):
    """An account that is the viewer's."""

    network: str
    author: str = Field(description="Its id on the network.")
    handle: str
    name: str
    proven_at: datetime
    version: int = Field(description="Grows with each change of consent; 0: nothing was said.")
    uses: list[UseView]
    receipts: int = Field(description="How often its posts were given to an answer.")


class MessageTo(BaseModel):
    """An account of Myna's that reads direct messages while a code is waited for."""

    network: str
    handle: str


class MeView(BaseModel):
    """The viewer's accounts."""

    accounts: list[AccountView]
    waiting_until: datetime | None = Field(description="Until when a code is waited for.")
    networks: list[str] = Field(description="Networks on which an account can be proven.")
    messages: list[MessageTo] = Field(
        description="Accounts of Myna's that take a code in a direct message."
    )
    sign_in: list[str] = Field(description="Networks with which one can sign in.")


class ClaimBody(BaseModel):
    """Where the account is."""

    network: str = Field(min_length=1, max_length=200)


class ClaimView(BaseModel):
    """A code to post from the account that is to be proven."""

    code: str
    network: str
    expires_at: datetime


class ChoiceBody(BaseModel):
    """What the member says of one use; null takes it back."""

    network: str = Field(min_length=1, max_length=200)
    author: str = Field(min_length=1, max_length=1000)
    use: UseName
    choice: Literal["yes", "no"] | None


class QuotedView(BaseModel):
    """A part of an answer that rests on the post."""

    start: int
    end: int
    words: str | None = Field(description="Null where they are not kept.")


class ReceiptView(BaseModel):
    """That an answer was given a post. Whose answer it was and what was asked is not told."""

    id: int
    answer: UUID
    at: datetime
    door: Literal["app", "api", "bot"]
    model: str | None = Field(
        description="What wrote the answer; `myna`: posts were quoted, no model's words shown."
    )
    network: str
    uri: str
    url: str | None
    spans: list[QuotedView] = Field(
        description="Empty where it was shown as a source and is not cited."
    )


class ReceiptsView(BaseModel):
    """Receipts, the newest first."""

    receipts: list[ReceiptView]
    next_before: int | None = Field(description="`before` of the next page; null on the last.")


class ExportView(ReceiptsView):
    """All receipts of an account."""

    network: str
    author: str
    exported_at: datetime


@router.get("")
async def read_me(parts: Ready, viewer: Viewer) -> MeView:
    """The accounts that the viewer has proven, and what counts for their posts."""
    return await to_thread.run_sync(_read_me, parts.db, viewer)


@router.post("/claims", status_code=201)
async def begin_claim(body: ClaimBody, parts: Ready, viewer: Viewer) -> ClaimView:
    """A code that proves an account when it is posted from there within an hour. It works once; a
    new one voids the one before. The post may be deleted afterwards."""

    def work(conn: Connection) -> ClaimView:
        if body.network not in {network.name for network in list_networks(conn)}:
            raise BadParameter("There is no such network here.", "network")
        code, expires_at = claim(conn, viewer, body.network, now=datetime.now(UTC))
        return ClaimView(code=code, network=body.network, expires_at=expires_at)

    return await to_thread.run_sync(_within, parts.db, work)


@router.delete("/accounts", status_code=204)
async def leave(parts: Ready, viewer: Viewer, network: Network, author: Author) -> None:
    """Forget in this browser that an account is the viewer's. What was said of its posts stays."""

    def work(conn: Connection) -> None:
        if not end_membership(conn, viewer, network, author):
            raise NotFound("This account is not one of yours.")

    await to_thread.run_sync(_within, parts.db, work)


@router.put("/choices")
async def say(body: ChoiceBody, parts: Ready, viewer: Viewer) -> AccountView:
    """Say yes or no to one use of an account's posts, or take that back. It holds at once, on what
    was posted before, too. A yes does not lift a no of the network."""

    def work(conn: Connection) -> AccountView:
        membership = _mine(conn, viewer, body.network, body.author)
        key, use = (body.network, body.author), Use[body.use.upper()]
        word = body.choice or "unsaid"
        choose(conn, key, use, word, by="member", now=datetime.now(UTC))
        return _account_view(conn, membership)

    return await to_thread.run_sync(_within, parts.db, work)


@router.get("/receipts")
async def read_receipts(
    parts: Ready,
    viewer: Viewer,
    *,
    network: Network,
    author: Author,
    before: Annotated[int | None, Query(ge=0, description="Older than this receipt.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RECEIPTS, description="Receipts at most.")] = 20,
) -> ReceiptsView:
    """Where the posts of one of the viewer's accounts were used, the newest first."""

    def work(conn: Connection) -> ReceiptsView:
        membership = _mine(conn, viewer, network, author)
        found = list_receipts(conn, membership.account, before=before, limit=limit + 1)
        more = found[limit - 1].id if len(found) > limit else None
        views = [_receipt_view(one) for one in found[:limit]]
        return ReceiptsView(receipts=views, next_before=more)

    return await to_thread.run_sync(_within, parts.db, work)


@router.get("/receipts.json", response_model=ExportView)
async def export_receipts(
    parts: Ready, viewer: Viewer, network: Network, author: Author
) -> Response:
    """All of them as one file."""
    mine = partial(_mine, viewer=viewer, network=network, author=author)
    membership = await to_thread.run_sync(_within, parts.db, mine)
    return StreamingResponse(
        _export(parts.db, membership),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="myna-receipts.json"'},
    )


def _within(db: Database, work: Callable[[Connection], T]) -> T:
    with db.begin() as conn:
        return work(conn)


def _read_me(db: Database, viewer: str) -> MeView:
    with db.begin() as conn:
        connections = list_connections(conn)
        return MeView(
            accounts=[_account_view(conn, one) for one in list_memberships(conn, viewer)],
            waiting_until=waits_for_claim(conn, viewer, datetime.now(UTC)),
            networks=[network.name for network in list_networks(conn)],
            messages=[
                MessageTo(network=one.network, handle=str(handle))
                for one in connections
                if (handle := one.settings.get("messages"))
            ],
            sign_in=sorted({one.network for one in connections if offers_sign_in(one)}),
        )


def _mine(conn: Connection, viewer: str, network: str, author: str) -> Membership:
    for one in list_memberships(conn, viewer):
        if (one.network, one.author) == (network, author):
            return one
    raise NotFound("This account is not one of yours.")


def _account_view(conn: Connection, membership: Membership) -> AccountView:
    standing = standing_of(conn, (membership.network, membership.author))
    return AccountView(
        network=membership.network,
        author=membership.author,
        handle=membership.handle,
        name=membership.name,
        proven_at=membership.proven_at,
        version=standing.version,
        uses=[_use_view(standing, name) for name in USES],
        receipts=count_receipts(conn, membership.account),
    )


def _use_view(standing: Standing, name: UseName) -> UseView:
    use = Use[name.upper()]
    ruling = standing.ruling(use)
    choices: dict[Use, Word] = {one.use: one.word for one in standing.choices}
    return UseView(
        use=name,
        allowed=ruling.word == "yes",
        by=ruling.by,
        why=ruling.why,
        choice=choices.get(use),
    )


def _receipt_view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        id=receipt.id,
        answer=receipt.answer,
        at=receipt.at,
        door=receipt.door,
        model=receipt.model,
        network=receipt.network,
        uri=receipt.uri,
        url=receipt.url,
        spans=[QuotedView(start=one.start, end=one.end, words=one.words) for one in receipt.spans],
    )


def _export(db: Database, membership: Membership) -> Iterator[str]:
    """An ``ExportView``, page by page: a busy author has many."""
    head = ExportView(
        network=membership.network,
        author=membership.author,
        exported_at=datetime.now(UTC),
        receipts=[],
        next_before=None,
    )
    before, last = head.model_dump_json().split("[]", 1)
    yield before + "["
    at: int | None = None
    comma = ""
    while True:
        with db.begin() as conn:
            page = list_receipts(conn, membership.account, before=at, limit=_EXPORTED_AT_ONCE)
        for one in page:
            yield comma + _receipt_view(one).model_dump_json()
            comma = ","
        if len(page) < _EXPORTED_AT_ONCE:
            yield "]" + last
            return
        at = page[-1].id
