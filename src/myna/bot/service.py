"""The bots of all connections with an account, in one process."""

from __future__ import annotations

import threading

from myna.bot.accounts import open_accounts
from myna.bot.bot import Bot
from myna.bot.reply import Replier
from myna.bot.rules import Limits
from myna.db.engine import Database
from myna.errors import ConfigurationError
from myna.settings import Settings
from myna.telemetry import get_logger

log = get_logger("bot")


def open_bots(settings: Settings, db: Database, replier: Replier) -> list[Bot]:
    """A bot for each connection that has an account.

    Raises:
        ConfigurationError: there is none, or its credentials cannot be read.
    """
    limits = Limits(settings.bot_per_thread, settings.bot_per_author)
    bots = [
        Bot(
            db,
            one.connection.name,
            one.network,
            one.account,
            replier,
            since=one.connection.connected_at,
            limits=limits,
        )
        for one in open_accounts(settings, db)
    ]
    if not bots:
        raise ConfigurationError(
            "No network is connected with an account for the bot. Connect one with `myna connect` "
            "and give it a handle."
        )
    return bots


def run_bots(bots: list[Bot], stop: threading.Event) -> None:
    """Each in a thread, until ``stop`` is set or one breaks: the process is then started again."""
    threads = [threading.Thread(target=bot.run, args=(stop,), name="bot") for bot in bots]
    for thread in threads:
        thread.start()
    log.info("bots answer", bots=len(bots))
    while not stop.wait(0.5):
        if not all(thread.is_alive() for thread in threads):
            stop.set()
    for thread in threads:
        thread.join()
