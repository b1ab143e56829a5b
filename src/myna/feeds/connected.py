"""Everything that runs because a network is connected: started and stopped as connections come and
go, also while Myna runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from myna.db.connections import Connected, list_connections, save_error
from myna.db.engine import Database
from myna.db.vault import Vault
from myna.errors import DatabaseError, MynaError, StorageError
from myna.feeds.networks import Worker, kinds, network_of
from myna.settings import Settings
from myna.telemetry import get_logger

log = get_logger("feeds")

LOOK_SECONDS = 1.0
"""How soon a new connection is taken up."""
AFTER_FAULT_SECONDS = 10.0
STOP_SECONDS = 10.0
"""How long workers are waited for when they should stop."""


@dataclass(slots=True)
class _Running:
    """A connection's threads."""

    connection: Connected
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """What is wrong, by worker."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, db: Database, worker: str, error: str | None) -> None:
        """Note what a worker says of itself; the connection's error is all of them."""
        with self.lock:
            self.errors.pop(worker, None)
            if error:
                self.errors[worker] = error
            _note(db, self.connection.name, " ".join(self.errors.values()) or None)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(STOP_SECONDS)


def run_connected(settings: Settings, db: Database, stop: threading.Event) -> None:
    """Run all connections until ``stop`` is set."""
    running: dict[str, _Running] = {}
    try:
        while not stop.is_set():
            try:
                with db.begin() as conn:
                    wanted = {one.name: one for one in list_connections(conn)}
            except (DatabaseError, StorageError):
                stop.wait(LOOK_SECONDS)  # each worker waits for itself
                continue
            for name in [name for name in running if not _same(running[name], wanted.get(name))]:
                running.pop(name).end()
            for name, connection in wanted.items():
                if name not in running:
                    running[name] = _start(connection, settings, db)
            stop.wait(LOOK_SECONDS)
    finally:
        for one in running.values():
            one.stop.set()
        for one in running.values():
            one.end()


def _same(running: _Running, wanted: Connected | None) -> bool:
    """Whether a connection is still the one that runs: a new one has another time."""
    return wanted is not None and wanted.connected_at == running.connection.connected_at


def _start(connection: Connected, settings: Settings, db: Database) -> _Running:
    running = _Running(connection)
    try:
        if connection.kind not in kinds():
            raise MynaError(f"This Myna does not know networks of the kind {connection.kind}.")
        secret = connection.secret(Vault(settings.home))
        workers = network_of(connection.kind).workers(connection, secret)
    except MynaError as error:
        log.error("network cannot be read", network=connection.name, reason=str(error))
        _note(db, connection.name, str(error))
        return running
    for worker in workers:
        thread = threading.Thread(
            target=_run,
            args=(worker, db, running),
            name=f"{connection.name}-{worker.name}",
            daemon=True,
        )
        running.threads.append(thread)
        thread.start()
    log.info("network connected", network=connection.name, workers=len(workers))
    return running


def _run(worker: Worker, db: Database, running: _Running) -> None:
    """One worker; what it did not foresee is told, and it begins again."""

    def on_state(error: str | None) -> None:
        running.tell(db, worker.name, error)

    while not running.stop.is_set():
        try:
            worker.run(db, running.stop, on_state)
            return
        except Exception:
            log.exception("worker broke and begins again", worker=worker.name)
            on_state(f"{worker.name} met a fault of Myna's own; the log has it.")
            running.stop.wait(AFTER_FAULT_SECONDS)


def _note(db: Database, name: str, error: str | None) -> None:
    try:
        with db.begin() as conn:
            save_error(conn, name, error, now=datetime.now(UTC))
    except (DatabaseError, StorageError):
        log.warning("the state of a network could not be kept", network=name)
