"""Logs: structured, one line an event, never a post's text, a member's name or a prompt at info."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


class _CurrentStderr(TextIO):
    """Whatever ``sys.stderr`` is when a line is written: loggers outlive a redirection."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logging(level: str = "info", *, json: bool = False) -> None:
    """Send structlog and the standard library's logging to stderr at ``level``."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(_CurrentStderr()),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr, force=True)


def get_logger(room: str) -> structlog.stdlib.BoundLogger:
    """The logger of one room, named in every line."""
    return structlog.get_logger(room=room)
