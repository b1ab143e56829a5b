"""``myna networks``: what is connected, how fast posts come in, and what did not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from myna.settings import load_settings

SHOWN_GAPS = 20


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(networks)


def networks(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Show the connected networks: lag, rate, errors, cursors and gaps.

    Lag is the time between the network's seeing the latest event and its being stored here. A gap
    is a stretch of time that the network could not give again after an interruption.
    """
    state = _state()
    if as_json:
        print(json.dumps(state, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not state["networks"]:
        console.print(
            "No network is connected. `myna connect bluesky`, `mastodon` or `x` connects one."
        )
        return
    table = Table(box=None, padding=(0, 2))
    for heading in ("network", "kind", "account", "state", "lag", "rate", "events", "rejected"):
        table.add_column(heading)
    for one in state["networks"]:
        for number, source in enumerate(one["sources"] or [{}]):
            first = number == 0
            table.add_row(
                one["name"] if first else "",
                one["kind"] if first else "",
                (one["account"] or "reads only") if first else "",
                (one["error"] or ("connected" if source else "not run yet")) if first else "",
                _seconds(source.get("lag_s")),
                f"{source['rate']:.1f}/s" if source else "",
                f"{source['accepted']:,}" if source else "",
                f"{source['rejected']:,}" if source else "",
            )
    console.print(table)
    for gap in state["gaps"]:
        since = gap["since"] or "an unknown time"
        console.print(f"gap in {gap['source']}: {since} to {gap['until']}: {gap['reason']}")


def _state() -> dict[str, Any]:
    from myna.db.connections import list_connections
    from myna.db.engine import open_database
    from myna.db.sources import list_gaps, list_sources

    db = open_database(load_settings())
    try:
        with db.begin() as conn:
            connections = list_connections(conn)
            sources = {source.name: source for source in list_sources(conn)}
            gaps = list_gaps(conn, SHOWN_GAPS)
    finally:
        db.dispose()
    return {
        "networks": [
            {
                "name": one.name,
                "kind": one.kind,
                "account": one.settings.get("handle"),
                "connected_at": one.connected_at.isoformat(),
                "error": one.error,
                "error_at": _iso(one.error_at),
                "sources": [
                    _source(one.kind, source)
                    for name, source in sources.items()
                    if name == one.name or name.startswith(f"{one.name}:")
                ],
            }
            for one in connections
        ],
        "gaps": [
            {
                "source": kept.source,
                "since": _iso(kept.gap.since),
                "until": _iso(kept.gap.until),
                "reason": kept.gap.reason,
                "noticed_at": kept.noticed_at.isoformat(),
            }
            for kept in gaps
        ],
    }


def _source(kind: str, source: Any) -> dict[str, Any]:
    from myna.db.sources import RATE_SECONDS
    from myna.feeds.networks import network_of

    seen = network_of(kind).time_of(source.cursor)
    is_fresh = (datetime.now(UTC) - source.updated_at).total_seconds() < 2 * RATE_SECONDS
    return {
        "name": source.name,
        "cursor": source.cursor,
        "lag_s": round((source.updated_at - seen).total_seconds(), 3) if seen else None,
        "rate": round(source.rate, 2) if is_fresh else 0.0,
        "accepted": source.accepted,
        "rejected": source.rejected,
        "updated_at": source.updated_at.isoformat(),
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _seconds(lag: float | None) -> str:
    return "" if lag is None else f"{lag:.1f} s"
