"""What PostgreSQL refuses, as one sentence that says what to do.

libpq's own words may be translated and may name users, hosts or rows: they are read here and
never repeated.
"""

from __future__ import annotations

import psycopg
from psycopg import errors
from sqlalchemy import exc

from myna.errors import DatabaseError, MynaError, StorageError

_CONNECTION = (
    (
        ("no space left",),
        "The disk of PostgreSQL at {place} is full. Free some space, then try again.",
    ),
    (
        ("password", "authentication", "pg_hba"),
        "PostgreSQL at {place} refused the user or password. Mend them in MYNA_DATABASE_URL.",
    ),
    (
        ('role "',),
        "PostgreSQL at {place} does not know this user. Create it, or mend MYNA_DATABASE_URL.",
    ),
    (
        ("does not exist",),
        "PostgreSQL at {place} has no database of this name. Create it (createdb NAME), or mend "
        "MYNA_DATABASE_URL.",
    ),
    (
        ("too many", "remaining connection slots"),
        "PostgreSQL at {place} has no connection left. Raise its max_connections, or end what "
        "uses it.",
    ),
    (
        ("starting up", "shutting down"),
        "PostgreSQL at {place} is starting or stopping. Try again soon.",
    ),
    (
        ("",),
        "PostgreSQL at {place} cannot be reached. See that it runs and that MYNA_DATABASE_URL has "
        "its right host and port.",
    ),
)
"""Words of libpq, in order of trial, and what we say to them."""

_STATEMENT: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        errors.InsufficientPrivilege,
        "The database user lacks a right that Myna needs. It must own the database, or be allowed "
        "to create tables in it.",
    ),
    (
        errors.ReadOnlySqlTransaction,
        "The database is read-only. Point MYNA_DATABASE_URL at the primary server.",
    ),
    (
        errors.QueryCanceled,
        "PostgreSQL took too long. Try again; if it stays so, its log says what it is busy with.",
    ),
    (
        (errors.AdminShutdown, errors.CrashShutdown),
        "PostgreSQL was stopped in the middle of a transaction. Nothing was written; try again.",
    ),
)


def explain_connection(error: psycopg.Error, place: str) -> MynaError:
    """The sentence for a connection that failed; ``place`` is host and port, without a secret."""
    words = str(error).lower()
    sentence = next(
        sentence for known, sentence in _CONNECTION if any(word in words for word in known)
    ).format(place=place)
    return StorageError(sentence) if "no space left" in words else DatabaseError(sentence)


def explain(error: exc.SQLAlchemyError | psycopg.Error) -> MynaError | None:
    """The sentence for a failure that the operator can mend; None for a fault in our own SQL.
    SQLAlchemy's errors wrap the driver's; what went past SQLAlchemy raises the driver's own."""
    if isinstance(error, exc.TimeoutError):
        return DatabaseError(
            "All connections to the database are busy. Try again soon; if it stays so, something "
            "holds a transaction open."
        )
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return None
    if isinstance(cause, errors.DiskFull):
        return StorageError("The database's disk is full. Free some space, then try again.")
    sentence = next((words for kinds, words in _STATEMENT if isinstance(cause, kinds)), None)
    if sentence is None and isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        sentence = "The connection to the database broke. Nothing was written; try again."
    if sentence is not None:
        return DatabaseError(sentence)
    if isinstance(cause, psycopg.OperationalError):
        code = cause.sqlstate or "connection"
        return DatabaseError(f"PostgreSQL could not do what was asked ({code}). Its log says why.")
    return None
