"""Myna's accounts on the connected networks. Light: whoever asks whether there are any needs no
model and no index."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from myna.db.connections import Connected, list_connections
from myna.db.engine import Database
from myna.db.vault import Vault
from myna.feeds.account import Account
from myna.settings import Settings

_MODULES = {
    "bluesky": "myna.feeds.bluesky.account",
    "mastodon": "myna.feeds.mastodon.account",
    "x": "myna.feeds.x.account",
}
"""Kind of network → the module with its ``open_account``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account of a connection."""

    connection: Connected
    network: str
    """What the posts of its network carry."""
    account: Account


def open_accounts(settings: Settings, db: Database) -> list[Opened]:
    """Every connection's account, where it has one.

    Raises:
        ConfigurationError: credentials cannot be read.
    """
    with db.begin() as conn:
        connections = [one for one in list_connections(conn) if one.kind in _MODULES]
    vault = Vault(settings.home)
    opened = []
    for one in connections:
        account = import_module(_MODULES[one.kind]).open_account(one, one.secret(vault))
        if account is not None:
            opened.append(Opened(one, one.network, account))
    return opened
