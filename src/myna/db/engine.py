"""The door to PostgreSQL: open it, begin transactions, and say plainly what is wrong with it.

Every process of Myna opens its own ``Database``. Without ``MYNA_DATABASE_URL`` they share the
embedded server (``db/embedded.py``); a connection that finds it dead starts it again.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import msgspec
import psycopg
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from pydantic import SecretStr
from sqlalchemy import exc

from myna.db import migrate as migrations
from myna.db.embedded import EmbeddedServer
from myna.db.refusals import explain, explain_connection
from myna.errors import ConfigurationError, DatabaseError
from myna.settings import Settings

DATABASE = "myna"
"""Name of the database within the embedded server."""

_CONNECT_SECONDS = 10
_POOL_SIZE = 4
_POOL_OVERFLOW = 8
_POOL_WAIT_SECONDS = 30
_SPARED_SECONDS = 10.0
"""After so long the connections that nobody uses are closed: a crowd that came once would keep 20 MB
each at the server's end. Those in use open again within milliseconds."""


class Database:
    """A pool of connections to one PostgreSQL database; share it between threads."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        *,
        kind: Literal["embedded", "url"],
        url: SecretStr,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.kind: Literal["embedded", "url"] = kind
        self.url = url
        """An address that libpq understands (for tools and child processes)."""
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=connect,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_POOL_WAIT_SECONDS,
            pool_pre_ping=True,
            pool_use_lifo=True,
            hide_parameters=True,
        )
        self._spared = time.monotonic()
        self._finalizer = weakref.finalize(self, _close, self._engine, close)

    def begin(self, *, within_s: float = math.inf) -> AbstractContextManager[sqlalchemy.Connection]:
        """A transaction: it commits where the block ends well and rolls back where it raises. A
        statement that takes longer than ``within_s`` is ended.

        Raises:
            DatabaseError: PostgreSQL is away, refuses, or took too long. StorageError: its disk is
                full.
        """
        return self._transaction(within_s)

    @contextmanager
    def _transaction(self, within_s: float) -> Iterator[sqlalchemy.Connection]:
        try:
            with self._engine.begin() as connection:
                if math.isfinite(within_s):
                    milliseconds = max(1, int(within_s * 1000))  # 0 would be no limit
                    connection.exec_driver_sql(f"set local statement_timeout = {milliseconds}")
                yield connection
            self._spare()
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            explained = explain(error)
            if explained is None:
                raise
            raise explained from error

    def _spare(self) -> None:
        now = time.monotonic()
        if now - self._spared > _SPARED_SECONDS:
            self._spared = now
            self.release()

    def release(self) -> None:
        """Close the connections that nobody uses: after much work they hold memory on both ends."""
        self._engine.dispose()

    def dispose(self) -> None:
        """Close the connections; the last process to do so stops the embedded server."""
        self._finalizer()


def driver_of(conn: sqlalchemy.Connection) -> psycopg.Connection[TupleRow]:
    """The driver's own connection under ``conn``, in the same transaction: COPY needs it, and
    reading thousands of rows through it takes a third of the time."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _close(engine: sqlalchemy.Engine, close: Callable[[], None]) -> None:
    engine.dispose()
    close()


def open_database(
    settings: Settings,
    *,
    migrate: bool = True,
    on_progress: Callable[[str], None] | None = None,
) -> Database:
    """Open the store that the settings name, bring its tables up to date, and test it.

    ``on_progress`` is told what takes long ("Creating the database", …).

    Raises:
        ConfigurationError: MYNA_DATABASE_URL cannot be read.
        DatabaseError: PostgreSQL cannot be started or reached, or refuses us.
        StorageError: its disk is full.
    """
    url = settings.database_url.get_secret_value()
    database = _open_url(url) if url else _open_embedded(settings, on_progress)
    try:
        with database.begin() as connection:
            if migrate:
                migrations.upgrade(connection, on_progress)
    except BaseException:
        database.dispose()
        raise
    return database


def _open_url(url: str) -> Database:
    try:
        host = str(conninfo_to_dict(url).get("host") or "")
    except psycopg.Error:
        host = "@"
    if "@" in host:  # half of a password, most likely: nothing of it may be shown
        raise ConfigurationError(
            "MYNA_DATABASE_URL cannot be read. Its form is "
            "postgresql://user:password@host:port/name, with special characters as %XX."
        ) from None

    def connect() -> psycopg.Connection:
        try:
            return _connect(url)
        except psycopg.Error as error:
            raise explain_connection(error, _address(url)) from None

    return Database(connect, kind="url", url=SecretStr(url))


def _open_embedded(settings: Settings, on_progress: Callable[[str], None] | None) -> Database:
    # Who does not show the demo network has one of their own.
    server = EmbeddedServer(settings.database_dir, grows=not settings.demo)

    def connect() -> psycopg.Connection:
        try:
            return _connect(server.url(DATABASE))
        except (psycopg.OperationalError, DatabaseError):
            server.ensure_running()  # it may have been killed
        try:
            return _connect(server.url(DATABASE))
        except psycopg.Error as error:
            raise explain_connection(error, "the embedded server") from None

    server.attach(on_progress)
    try:
        _make_database(server)
        url = SecretStr(server.url(DATABASE))
    except BaseException:
        server.detach()
        raise
    return Database(connect, kind="embedded", url=url, close=server.detach)


def _make_database(server: EmbeddedServer) -> None:
    try:
        _connect(server.url(DATABASE)).close()
        return
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise explain_connection(error, "the embedded server") from None
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        pass  # another process was as far as we were, and quicker
    except psycopg.Error as error:
        raise explain_connection(error, "the embedded server") from None


def _connect(conninfo: str) -> psycopg.Connection:
    connection = psycopg.connect(
        conninfo, connect_timeout=_CONNECT_SECONDS, application_name="myna", autocommit=True
    )
    set_json_loads(msgspec.json.Decoder().decode, connection)
    # Times come back in UTC whatever the server's zone; set outside a transaction so that it stays.
    connection.execute("set time zone 'UTC'")
    # A plan kept from when a table was small scans it once a row when it is large: 20,000 new
    # posts took the index 113 s to look up the replies of, planned anew 0.3 s.
    connection.execute("set plan_cache_mode = force_custom_plan")
    connection.autocommit = False
    return connection


def _address(url: str) -> str:
    parts = conninfo_to_dict(url)
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}"
