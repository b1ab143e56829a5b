"""What is loaded and how it is: health, configuration, status."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from myna import __version__
from myna.db.engine import Database
from myna.db.networks import Network, list_networks
from myna.db.posts import Counts, SourceState, counts, last_seq, list_sources
from myna.errors import MynaError
from myna.web.errors import RETRY_AFTER_S
from myna.web.me_api import USES, UseName
from myna.web.parts import Parts, Ready, Unavailable, Wiring

if TYPE_CHECKING:
    from myna.index.search import Searcher
    from myna.models.chat import ChatModel

BUILDING_LAG = 2_000
"""An index that is further behind than this and than a fifth of the store is being built."""

router = APIRouter(tags=["status"])


class HealthView(BaseModel):
    """Whether questions can be answered now."""

    status: str = Field(description="`ok`, or `unavailable`.")
    version: str
    waiting_for: list[str] = Field(
        default=[], description="What is missing: `app`, `database`, `index`, `model`."
    )
    reasons: list[str] = Field(default=[], description="Why it is missing, in sentences.")


class NetworkView(BaseModel):
    """A network whose posts are loaded, and whom to thank for them."""

    name: str
    title: str
    attribution: str
    license_url: str
    home_url: str


class ModelView(BaseModel):
    """The language model that writes."""

    name: str
    small: bool = Field(description="A small model writes one short sentence and no more.")
    ready: bool


class ConfigView(BaseModel):
    """What the app needs to know before anything is asked."""

    version: str
    networks: list[NetworkView]
    model: ModelView
    suggestions: list[str] = Field(description="Real questions from the loaded network.")
    posts: int
    demo: bool
    refused_by_default: list[UseName] = Field(
        description="Uses that are not made of posts where nobody says anything of them."
    )


class IndexView(BaseModel):
    """How far the index has followed the store."""

    indexed_seq: int
    last_seq: int
    lag: int = Field(description="Changes that are stored and not indexed yet.")
    vectors: int
    coverage: float = Field(description="Share of the posts that have a vector, 0 to 1.")
    remade: float | None = Field(
        default=None,
        description="After a change of `MYNA_EMBEDDER`: share of the posts that have a vector of "
        "the new one. The old vectors serve until then.",
    )


class DatabaseView(BaseModel):
    """Where the posts are kept."""

    kind: str = Field(description="`embedded`, or `url`.")


class FeedView(BaseModel):
    """A feed and what it has given."""

    name: str
    accepted: int
    rejected: int
    updated_at: datetime


class NetworkCountView(NetworkView):
    """A network with the number of its posts."""

    posts: int


class StatusView(BaseModel):
    """The state of this Myna."""

    posts: int
    authors: int
    networks: list[NetworkCountView]
    index: IndexView
    model: ModelView
    database: DatabaseView
    sources: list[FeedView]


@router.get("/healthz", responses={503: {"model": HealthView}})
async def health(request: Request, response: Response) -> HealthView:
    """Whether questions can be answered now: database, index and model are up. Else status 503
    with the reasons."""
    wiring: Wiring = request.app.state.wiring
    try:
        faults = await _faults(wiring.parts)
    except Unavailable as error:
        faults = {"app": str(error)}
    if faults:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return HealthView(
        status="unavailable" if faults else "ok",
        version=__version__,
        waiting_for=list(faults),
        reasons=list(faults.values()),
    )


@router.get("/api/config")
async def config(request: Request, parts: Ready) -> ConfigView:
    """What the app shows before anything is asked: networks with their attribution, the model,
    three suggested questions."""
    wiring: Wiring = request.app.state.wiring
    networks, count, _ = await to_thread.run_sync(_read_store, parts.db)
    return ConfigView(
        version=__version__,
        networks=[_network(one) for one in networks],
        model=await _model(parts.model),
        suggestions=await parts.suggestions.today(),
        posts=count.posts,
        demo=wiring.settings.demo,
        refused_by_default=[use for use in USES if use in wiring.settings.refused_uses],
    )


@router.get("/api/status")
async def status(parts: Ready) -> StatusView:
    """Posts, how far the index is behind, the model, the database and the feeds."""
    networks, count, feeds = await to_thread.run_sync(_read_store, parts.db)
    index = await to_thread.run_sync(parts.searcher.status)
    return StatusView(
        posts=count.posts,
        authors=count.authors,
        networks=[
            NetworkCountView(**_network(one).model_dump(), posts=count.networks.get(one.name, 0))
            for one in networks
        ],
        index=IndexView(
            indexed_seq=index.indexed_seq,
            last_seq=index.last_seq,
            lag=index.lag,
            vectors=index.vectors,
            coverage=index.coverage,
            remade=index.remade,
        ),
        model=await _model(parts.model),
        database=DatabaseView(kind=parts.db.kind),
        sources=[
            FeedView(
                name=feed.name,
                accepted=feed.accepted,
                rejected=feed.rejected,
                updated_at=feed.updated_at,
            )
            for feed in feeds
        ],
    )


async def _faults(parts: Parts) -> dict[str, str]:
    """What is not up, and why."""
    faults: dict[str, str] = {}
    checks = {
        "database": partial(_touch, parts.db),
        "index": partial(_look_at_index, parts.searcher),
    }
    for name, check in checks.items():
        try:
            await to_thread.run_sync(check)
        except MynaError as error:
            faults[name] = str(error)
    if not await parts.model.ready():
        faults["model"] = "The language model is not up yet. `myna status` says more."
    return faults


def _look_at_index(searcher: Searcher) -> None:
    """Raises MynaError while a good part of the posts cannot be found yet."""
    status = searcher.status()
    if status.lag > max(BUILDING_LAG, status.last_seq // 5):
        raise MynaError(
            f"The index is being built: {status.indexed_seq:,} of {status.last_seq:,} changes are "
            "in it. Wait a moment."
        )


def _touch(db: Database) -> None:
    with db.begin() as conn:
        last_seq(conn)


def _read_store(db: Database) -> tuple[list[Network], Counts, list[SourceState]]:
    with db.begin() as conn:
        return list_networks(conn), counts(conn), list_sources(conn)


def _network(network: Network) -> NetworkView:
    return NetworkView(
        name=network.name,
        title=network.title,
        attribution=network.attribution,
        license_url=network.license_url,
        home_url=network.home_url,
    )


async def _model(model: ChatModel) -> ModelView:
    return ModelView(name=model.name, small=model.small, ready=await model.ready())
