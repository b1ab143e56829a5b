"""``myna consent``: what counts for an author's posts, and a word of the operator for an author."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from myna.errors import InvalidRequest, NotFound
from myna.post import Use
from myna.settings import load_settings
from myna.telemetry import configure_logging

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from myna.db.consents import Key, LogRow
    from myna.safety.consent.ledger import Standing

CHANGES = 20
"""Latest changes that are shown."""

Network = Annotated[str, typer.Argument(help="The author's network, as posts carry it.")]
Author = Annotated[str, typer.Argument(help="The author's id on the network, or the handle.")]


class UseName(StrEnum):
    """A use of posts."""

    RETRIEVE = "retrieve"
    QUOTE = "quote"
    GENERATE = "generate"
    EMBED = "embed"
    TRAIN = "train"


class Word(StrEnum):
    """What is said."""

    YES = "yes"
    NO = "no"
    UNSAID = "unsaid"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(
        name="consent",
        help="What may be done with an author's posts, and who said so.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command()(show)
    group.command(name="set")(set_word)
    app.add_typer(group)


def show(
    network: Network,
    author: Author,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what counts for an author's posts, who said so, and the latest changes."""
    from myna.db.consents import list_log
    from myna.db.engine import open_database
    from myna.safety.consent.ledger import standing_of

    settings = load_settings()
    configure_logging(settings.log_level)
    db = open_database(settings)
    try:
        with db.begin() as conn:
            key = _key(conn, network, author)
            standing, log = standing_of(conn, key), list_log(conn, key, CHANGES)
    finally:
        db.dispose()
    if as_json:
        print(json.dumps(_told(key, standing, log), indent=2, ensure_ascii=False))
        return
    print(f"{key[1]} on {key[0]}, version {standing.version}")
    for name in UseName:
        ruling = standing.ruling(Use[name.upper()])
        said = f"{ruling.by}: {ruling.why}" if ruling.why else ruling.by
        print(f"  {name:<9} {ruling.word:<4} ({said})")
    for row in log:
        use = Use(row.use).name or ""
        why = f", {row.why}" if row.why else ""
        print(f"{row.at:%Y-%m-%d %H:%M} {use.lower()}: {row.word} by {row.by}{why}")


def set_word(
    network: Network,
    author: Author,
    use: Annotated[UseName, typer.Argument(help="The use.")],
    word: Annotated[Word, typer.Argument(help="What the author says; unsaid takes it back.")],
    *,
    why: Annotated[
        str, typer.Option(help="How the author told you, for the log: a letter, a ticket.")
    ],
    unseen: Annotated[
        bool, typer.Option("--unseen", help="AUTHOR is the id of an account without posts here.")
    ] = False,
) -> None:
    """Say yes or no for an author who told you so. It holds at once, on what was posted before, too.

    A no that the member said to Myna or to the network stands, whatever is said here.
    """
    from myna.db.engine import open_database
    from myna.safety.consent.ledger import choose

    settings = load_settings()
    configure_logging(settings.log_level)
    if not why.strip():
        raise InvalidRequest("--why: say how the author told you.")
    db = open_database(settings)
    try:
        with db.begin() as conn:
            key = (network, author) if unseen else _key(conn, network, author)
            now, asked = datetime.now(UTC), Use[use.upper()]
            standing = choose(conn, key, asked, word.value, by="operator", now=now, why=why)
    finally:
        db.dispose()
    ruling = standing.ruling(asked)
    print(f"{key[1]} on {key[0]}: {use} is {ruling.word} now ({ruling.by}).")


def _key(conn: Connection, network: str, author: str) -> Key:
    """The account that is meant."""
    from myna.db.members import find_accounts

    found = find_accounts(conn, network, author)
    if not found:
        raise NotFound(
            f"No account of {network} with that id or handle has posted here. For one that has not, "
            "give its id and --unseen to `myna consent set`."
        )
    if len(found) > 1:
        raise InvalidRequest(f"Several accounts have that handle: {', '.join(found)}. Give the id.")
    return network, found[0]


def _told(key: Key, standing: Standing, log: list[LogRow]) -> dict[str, Any]:
    rulings = {name.value: standing.ruling(Use[name.upper()]) for name in UseName}
    return {
        "network": key[0],
        "author": key[1],
        "version": standing.version,
        "uses": {
            name: {"word": one.word, "by": one.by, "why": one.why} for name, one in rulings.items()
        },
        "changes": [
            {
                "at": row.at.isoformat(),
                "use": (Use(row.use).name or "").lower(),
                "word": row.word,
                "by": row.by,
                "why": row.why,
                "version": row.version,
            }
            for row in log
        ],
    }
