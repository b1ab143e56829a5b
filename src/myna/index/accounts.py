"""Which accounts' posts a search leaves out: those that are hidden, being purged, or do not want
to be found since a moment ago.

Their posts stay in the index, so that a million of them go and come back with one row of the store.
(Who does not want to be found since longer is left out by a field of the index.)
"""

from __future__ import annotations

import math
import threading
import time

from myna.db.accounts import accounts_version, hidden_accounts
from myna.db.consents import refusing_accounts
from myna.db.engine import Database
from myna.errors import DatabaseError

LEFT_OUT = 1_000
"""Accounts that the query itself leaves out, the latest first. Of older ones the posts are proposed
and then not read from the store: they are not shown, but a total may count them."""
_KNOWN_SECONDS = 0.05
_ASK_SECONDS = 0.1
"""How long the answer may take before the last one does: what is shown is read from the store, so
nothing hidden shows for it."""


class HiddenAccounts:
    """What the store says of accounts, asked again every 50 ms at most. Thread-safe."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._mutex = threading.Lock()
        self._version = -1
        self._ids: tuple[tuple[int, ...], tuple[int, ...]] = (), ()
        self._asked_at = float("-inf")

    def ids(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Keys within this store of those that are hidden, and of those that refuse.

        Raises:
            DatabaseError: the store is away, and was never asked.
        """
        with self._mutex:
            now = time.monotonic()
            if now - self._asked_at >= _KNOWN_SECONDS:
                try:
                    self._ask()
                except DatabaseError:
                    if self._version < 0:
                        raise
                self._asked_at = now
            return self._ids

    def _ask(self) -> None:
        first = self._version < 0
        with self._db.begin(within_s=math.inf if first else _ASK_SECONDS) as conn:
            version = accounts_version(conn)
            if version != self._version:
                refusing = tuple(refusing_accounts(conn, LEFT_OUT))
                self._ids = tuple(hidden_accounts(conn, LEFT_OUT)), refusing
                self._version = version
