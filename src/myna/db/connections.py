"""The networks that Myna is connected to, and its credentials there.

What is secret is kept encrypted (``vault``) and is only ever in a ``Secret``, which shows nothing of
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from myna.db.engine import driver_of
from myna.db.vault import Vault


class Secret:
    """Credentials by name, as ``password``. Neither its text nor its representation holds them."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def reveal(self, name: str) -> str | None:
        """The credential, at the moment when it is sent."""
        return self._values.get(name)

    def names(self) -> tuple[str, ...]:
        """Which there are."""
        return tuple(self._values)

    def seal(self, vault: Vault) -> bytes:
        """All of them, encrypted."""
        return vault.seal(msgspec.json.encode(self._values))

    @classmethod
    def unseal(cls, vault: Vault, sealed: bytes) -> Secret:
        """What ``seal`` made.

        Raises:
            ConfigurationError: the key is not the right one.
        """
        return cls(msgspec.json.decode(vault.open(sealed), type=dict[str, str]))

    def __repr__(self) -> str:
        return f"Secret({', '.join(f'{name}=•' for name in self._values)})"


@dataclass(frozen=True, slots=True)
class Connected:
    """A network that Myna is connected to."""

    name: str
    kind: str
    """Which of Myna's networks: ``bluesky``, ``mastodon``, ``x``."""
    settings: Mapping[str, Any]
    """Hosts, handles, choices: nothing secret."""
    connected_at: datetime
    error: str | None = None
    """Why nothing comes in; None while all is well."""
    error_at: datetime | None = None
    sealed: bytes | None = field(default=None, repr=False)
    """The credentials, encrypted; None where there are none."""

    @property
    def network(self) -> str:
        """The network that its posts carry: all instances of Mastodon are one, and so is X."""
        return self.name if self.kind == "bluesky" else self.kind

    def secret(self, vault: Vault) -> Secret:
        """The credentials.

        Raises:
            ConfigurationError: the key that they were encrypted with is not there.
        """
        return Secret.unseal(vault, self.sealed) if self.sealed else Secret({})


_COLUMNS = "name, kind, settings, connected_at, error, error_at, secret"


def save_connection(
    conn: Connection,
    *,
    name: str,
    kind: str,
    settings: Mapping[str, Any],
    sealed: bytes | None,
    now: datetime,
) -> None:
    """Keep a connection; another of the same name is replaced."""
    driver_of(conn).execute(
        """
        insert into connections (name, kind, settings, secret, connected_at)
        values (%s, %s, %s, %s, %s)
        on conflict (name) do update set kind = excluded.kind, settings = excluded.settings,
            secret = excluded.secret, connected_at = excluded.connected_at, error = null,
            error_at = null
        """,
        (name, kind, Jsonb(dict(settings)), sealed, now),
    )


def list_connections(conn: Connection) -> list[Connected]:
    """All connections, by name."""
    rows = driver_of(conn).execute(f"select {_COLUMNS} from connections order by name")
    return [_connected(row) for row in rows.fetchall()]


def find_connection(conn: Connection, name: str) -> Connected | None:
    """The connection of this name."""
    row = (
        driver_of(conn)
        .execute(f"select {_COLUMNS} from connections where name = %s", (name,))
        .fetchone()
    )
    return _connected(row) if row else None


def delete_connection(conn: Connection, name: str) -> bool:
    """Forget a connection and its credentials; whether there was one. Its posts stay."""
    return driver_of(conn).execute("delete from connections where name = %s", (name,)).rowcount == 1


def save_error(conn: Connection, name: str, error: str | None, *, now: datetime) -> None:
    """Note why nothing comes in over a connection, or that all is well again."""
    conn.execute(
        text(
            "update connections set error = cast(:error as text), error_at = "
            "case when cast(:error as text) is null then null else coalesce(error_at, :now) end "
            "where name = :name and error is distinct from :error"
        ),
        {"name": name, "error": error, "now": now},
    )


def _connected(row: Any) -> Connected:
    name, kind, settings, connected_at, error, error_at, sealed = row
    return Connected(name, kind, settings, connected_at, error, error_at, sealed)
