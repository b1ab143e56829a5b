"""Which connections have an account for the bot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from myna.bot.accounts import open_accounts
from myna.bot.service import open_bots
from myna.db.connections import Secret, save_connection
from myna.db.engine import Database
from myna.db.vault import FILE, Vault
from myna.errors import ConfigurationError
from myna.settings import Settings

BLUESKY = {
    "service": "https://pds.example",
    "handle": "myna.example",
    "did": "did:plc:myna",
    "plc": "https://plc.example",
    "appview": "",
}


def connect(
    db: Database, settings: Settings, name: str, told: Mapping[str, Any], secret: Secret | None
) -> None:
    with db.begin() as conn:
        save_connection(
            conn,
            name=name,
            kind="bluesky",
            settings=told,
            sealed=secret.seal(Vault(settings.home)) if secret else None,
            now=datetime.now(UTC),
        )


def test_one_that_only_reads_has_none(db: Database, settings: Settings) -> None:
    connect(db, settings, "reads", {"stream": "wss://host.example"}, None)
    assert open_accounts(settings, db) == []
    with pytest.raises(ConfigurationError, match="myna connect"):
        open_bots(settings, db, replier=None)  # type: ignore[arg-type]


def test_one_with_a_login_has_one(db: Database, settings: Settings) -> None:
    connect(db, settings, "writes", BLUESKY, Secret({"password": "a-password"}))
    (opened,) = open_accounts(settings, db)
    assert opened.network == "writes"
    assert opened.account.author == "did:plc:myna"
    assert "a-password" not in repr(opened)
    assert len(open_bots(settings, db, replier=None)) == 1  # type: ignore[arg-type]


def test_without_the_key_it_says_what_to_do(db: Database, settings: Settings) -> None:
    connect(db, settings, "writes", BLUESKY, Secret({"password": "a-password"}))
    (settings.home / FILE).unlink()
    with pytest.raises(ConfigurationError, match=r"secrets\.key is missing"):
        open_accounts(settings, db)
