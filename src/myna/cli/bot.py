"""``myna bot``: answers on the networks where Myna has an account."""

from __future__ import annotations

import signal
import threading

import typer

from myna.parent import stop_with_parent
from myna.settings import load_settings
from myna.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(bot)


def bot() -> None:
    """Answer mentions on the connected networks, in the foreground.

    `myna up` does so by itself where a network is connected with an account. A mention gets one
    reply, with links to the posts that say it; who replies "stop" gets none any more.
    """
    stop_with_parent()
    from myna.answer.answer import Answerer
    from myna.bot.reply import AnswerReplier
    from myna.bot.service import open_bots, run_bots
    from myna.db.engine import open_database
    from myna.feeds.handles import Handles
    from myna.index.embed import open_embedder
    from myna.index.rerank import LateInteraction
    from myna.index.search import Searcher
    from myna.models.chat import open_model

    settings = load_settings()
    configure_logging(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    db = open_database(settings)
    try:
        embedder = open_embedder(settings.embedder)
        searcher = Searcher(
            db, settings.index_dir, embedder=embedder, reranker=LateInteraction(embedder)
        )
        handles = Handles(db).account_of
        replier = AnswerReplier(Answerer(db, searcher, open_model(settings), handles))
        run_bots(open_bots(settings, db, replier), stop)
    finally:
        db.dispose()
