"""From ``myna connect`` to posts: the command line, the credentials and the workers together."""

from __future__ import annotations

import json
import threading
import time

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.connections import find_connection
from myna.db.engine import Database
from myna.db.posts import find_post
from myna.db.vault import Vault
from myna.errors import NotFound, SourceError
from myna.feeds.connected import run_connected
from myna.settings import Settings
from tests.atproto.network import PASSWORD, AtNetwork


def test_connected_read_shown_and_disconnected(
    db: Database, settings: Settings, network: AtNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    shell = CliRunner()
    myna, ann = network.account("myna"), network.account("ann")
    choices = {
        "stream": network.stream,
        "fallbacks": "-",
        "labels": "-",
        "relay": network.pds,
        "appview": "-",
        "plc": network.plc,
        "service": network.pds,
        "chat": "-",
        "handle": f"@{myna.handle}",
        "name": "test-net",
    }
    words = [word for choice in choices.items() for word in ("--set", "=".join(choice))]
    words = ["connect", "bluesky", *words, "--yes", "--secret-stdin"]
    wrong = shell.invoke(build_app("connect"), words, input="wrong\n")
    assert isinstance(wrong.exception, SourceError)
    said = shell.invoke(build_app("connect"), words, input=f"{PASSWORD}\n")
    assert said.exception is None
    assert f"logged in as @{myna.handle}" in said.output
    assert PASSWORD not in said.output
    with db.begin() as conn:
        found = find_connection(conn, "test-net")
    assert found
    assert found.settings["did"] == myna.did
    assert found.secret(Vault(settings.home)).reveal("password") == PASSWORD

    stop = threading.Event()
    thread = threading.Thread(target=run_connected, args=(settings, db, stop))
    thread.start()
    try:
        limit = time.monotonic() + 30
        there = False
        while not there:
            assert time.monotonic() < limit
            uri = ann.post("is Myna there?")
            time.sleep(0.3)
            with db.begin() as conn:
                post = find_post(conn, "test-net", uri)
            there = post is not None and post.post.author.handle == ann.handle
        told = json.loads(shell.invoke(build_app("networks"), ["networks", "--json"]).output)
        (one,) = told["networks"]
        assert (one["name"], one["account"], one["error"]) == ("test-net", myna.handle, None)
        sources = {source["name"]: source for source in one["sources"]}
        assert sources["test-net"]["accepted"] > 0
        assert sources["test-net"]["lag_s"] < 10
        bob = network.account("bob")
        bob.post("said long ago")
        words = ["backfill", bob.did, "--network", "test-net"]
        assert "1 posts are new" in shell.invoke(build_app("backfill"), words).output
        words[1] = f"@{bob.handle}"
        assert "0 posts are new" in shell.invoke(build_app("backfill"), words).output
        words[1] = "nobody.test"
        assert isinstance(shell.invoke(build_app("backfill"), words).exception, NotFound)
        said = shell.invoke(build_app("disconnect"), ["disconnect", "test-net"])
        assert said.exception is None
        while any(one.name.startswith("test-net-") for one in threading.enumerate()):
            assert time.monotonic() < limit
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(15)
    assert not thread.is_alive()
