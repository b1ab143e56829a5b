"""The built front end: one page for its addresses, files for ever, a sentence when it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from myna.settings import Settings
from myna.web import app as wiring
from myna.web import pages
from myna.web.app import create_app

HTML = {"Accept": "text/html"}


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A front end of three files."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Myna</title>")
    (folder / "assets" / "app-1a2b.js").write_text("1")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def client_of(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TestClient:
    monkeypatch.setattr(wiring, "add_pages", lambda app: pages.add_pages(app, folder))
    monkeypatch.setattr(wiring, "page", lambda status: pages.page(folder, status))
    app: FastAPI = create_app(Settings(home=tmp_path))
    return TestClient(app, base_url="http://127.0.0.1:8080")  # not entered: no parts are opened


def test_every_address_of_the_app_is_its_page(
    static: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(static, monkeypatch, tmp_path)
    for path in (
        "/",
        "/c/123",
        "/p/irc/a%2Fb%20c",
        "/p/irc/at%3A%2F%2Fx%2F1",
        "/search",
        "/about",
        "/me",
    ):
        response = client.get(path)
        assert (response.status_code, response.text) == (200, "<title>Myna</title>")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["content-security-policy"]
        assert client.head(path).status_code == 200


def test_files_with_a_hash_are_kept_and_others_asked_for_again(
    static: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(static, monkeypatch, tmp_path)
    asset = client.get("/assets/app-1a2b.js")
    assert asset.status_code == 200
    assert "immutable" in asset.headers["cache-control"]
    assert "javascript" in asset.headers["content-type"]
    icon = client.get("/favicon.svg")
    assert icon.status_code == 200
    assert "immutable" not in icon.headers.get("cache-control", "")
    missing = client.get("/assets/app-old.js", headers=HTML)
    assert missing.status_code == 404
    assert "immutable" not in missing.headers.get("cache-control", "")


def test_nothing_outside_the_folder_is_served(
    static: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(static, monkeypatch, tmp_path)
    for path in ("/assets/..%2f..%2fsecret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt"):
        response = client.get(path)
        assert response.status_code == 404
        assert "secret" not in response.text


def test_a_mistyped_address_shows_people_the_page_and_programs_an_error(
    static: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(static, monkeypatch, tmp_path)
    for path in ("/nowhere", "/no/where"):
        shown = client.get(path, headers=HTML)
        assert (shown.status_code, shown.text) == (404, "<title>Myna</title>")
        told = client.get(path, headers={"Accept": "application/json"})
        assert told.status_code == 404
        assert told.json()["error"]["code"] == "not_found"
    assert client.get("/api/nowhere", headers=HTML).json()["error"]["code"] == "not_found"
    assert client.post("/").status_code == 405


def test_without_a_build_the_page_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = client_of(tmp_path / "none", monkeypatch, tmp_path)
    response = client.get("/")
    assert response.status_code == 503
    assert "make up" in response.text
    assert client.get("/favicon.svg").status_code == 404
    assert client.get("/openapi.json").status_code == 200
