"""``myna status``: what is stored, how far the index is, which model answers, what runs."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

import typer

from myna.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Show posts, index lag, model, database and processes."""
    settings = load_settings()
    state = _state(settings)
    if as_json:
        print(json.dumps(state, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _rows(state):
        table.add_row(f"[bold]{name}[/bold]", value)
    Console().print(table)


def _state(settings: Settings) -> dict[str, Any]:
    import anyio

    from myna.db.engine import open_database
    from myna.db.posts import counts, list_sources
    from myna.index.search import Searcher
    from myna.models.chat import open_model

    db = open_database(settings, migrate=False)
    try:
        with db.begin() as conn:
            count, sources = counts(conn), list_sources(conn)
        index = Searcher(db, settings.index_dir, embedder=None).status()
        model = open_model(settings)
        return {
            "address": _address(settings),
            "home": str(settings.home),
            "posts": count.posts,
            "authors": count.authors,
            "networks": count.networks,
            "database": {"kind": db.kind},
            "index": {
                "indexed_seq": index.indexed_seq,
                "last_seq": index.last_seq,
                "lag": index.lag,
                "documents": index.documents,
                "vectors": index.vectors,
                "coverage": index.coverage,
                "remade": index.remade,
            },
            "model": {
                "name": model.name,
                "small": model.small,
                "ready": anyio.run(model.ready),
            },
            "sources": [
                {
                    "name": source.name,
                    "accepted": source.accepted,
                    "rejected": source.rejected,
                    "updated_at": source.updated_at.isoformat(),
                }
                for source in sources
            ],
            "processes": _processes(settings),
        }
    finally:
        db.dispose()


def _address(settings: Settings) -> str:
    """Where the running ``myna up`` listens, else where one would."""
    with suppress(OSError):
        return (settings.run_dir / "up.lock").read_text().strip() or settings.base_url
    return settings.base_url


def _processes(settings: Settings) -> dict[str, dict[str, Any]]:
    """The children of a running ``myna up``; empty when none runs."""
    import psutil

    with suppress(OSError, ValueError):
        told = json.loads((settings.run_dir / "children.json").read_text())
        if not psutil.pid_exists(told["supervisor"]):
            return {}
        found: dict[str, dict[str, Any]] = {}
        for name, child in {"up": {"pid": told["supervisor"]}, **told["children"]}.items():
            with suppress(psutil.Error):
                rss = psutil.Process(child["pid"]).memory_info().rss
                found[name] = {**child, "rss_mb": round(rss / 1e6, 1)}
        return found
    return {}


def _remade(index: dict[str, Any]) -> str:
    share = index["remade"]
    return "" if share is None else f"; the new embedder has made {share:.0%}"


def _rows(state: dict[str, Any]) -> list[tuple[str, str]]:
    index, model = state["index"], state["model"]
    rows = [
        ("posts", f"{state['posts']:,} by {state['authors']:,} authors"),
        *((f"  {name}", f"{count:,}") for name, count in state["networks"].items()),
        ("index", f"{index['documents']:,} posts, {index['lag']:,} changes behind"),
        (
            "vectors",
            f"{index['vectors']:,} posts that say enough; {index['coverage']:.0%} looked at"
            + _remade(index),
        ),
        ("model", f"{model['name']}, {'ready' if model['ready'] else 'not running'}"),
        ("database", state["database"]["kind"]),
    ]
    rows += [
        (f"feed {feed['name']}", f"{feed['accepted']:,} taken, {feed['rejected']:,} rejected")
        for feed in state["sources"]
    ]
    rows += [
        (f"process {name}", f"pid {child['pid']}, {child['rss_mb']:.0f} MB")
        for name, child in state["processes"].items()
    ]
    return [*rows, ("address", state["address"] if state["processes"] else "not running")]
