"""Codes that members send to Myna's account in a direct message, to prove that an account is theirs.

Messages are read only while a code is waited for on the network, only for codes, and kept nowhere.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from myna.db.engine import Database
from myna.errors import SourceError
from myna.feeds.account import Account
from myna.safety.consent.claims import take_words, waited_for_since
from myna.telemetry import get_logger

log = get_logger("bot")

LOOK_SECONDS = 1.0
"""How often the store is asked whether a code is waited for."""
READ_SECONDS = 4.0
"""How often messages are read while one is."""
AWAY_SECONDS = 60.0


class Proofs:
    """Looks for codes in the direct messages of one account."""

    def __init__(self, db: Database, network: str, account: Account) -> None:
        self._db, self._network, self._account = db, network, account
        self._next = 0.0
        self._told = ""

    def look(self) -> int:
        """Take the codes that have come, when it is time to; how many accounts were proven. An
        account whose messages cannot be read is asked again later: the bot does not wait for it.

        Raises:
            DatabaseError, StorageError: the store is away.
        """
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + LOOK_SECONDS
        with self._db.begin() as conn:
            since = waited_for_since(conn, self._network, datetime.now(UTC))
        if since is None:
            return 0
        self._next = time.monotonic() + READ_SECONDS
        try:
            messages = self._account.messages(since)
        except SourceError as error:
            self._next = time.monotonic() + AWAY_SECONDS
            if str(error) != self._told:
                self._told = str(error)
                log.warning(
                    "direct messages are not read", network=self._network, reason=str(error)
                )
            return 0
        self._told = ""
        said = [(one.author, one.text) for one in messages]
        with self._db.begin() as conn:
            return take_words(conn, self._network, said, now=datetime.now(UTC))
