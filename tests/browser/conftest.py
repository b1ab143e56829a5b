"""One real app and one real browser for all tests here; a window for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.running import RunningApp, myna_up
from tests.browser.visitor import Visitor

STATIC = Path(__file__).parents[2] / "src" / "myna" / "web" / "static"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

Come = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        # --no-sandbox: Chromium refuses to run as root with it; it only sees our own page.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def app(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The real app; started after the browser, so that nothing is started in vain."""
    assert (STATIC / "index.html").is_file(), "The front end is not built: run `make install`."
    with myna_up(tmp_path_factory.mktemp("browser-home")) as running:
        yield running


@pytest.fixture
def come(browser: Browser, app: RunningApp) -> Iterator[Come]:
    """Opens windows; each must be without faults when the test ends."""
    visitors: list[Visitor] = []

    def come(**context: object) -> Visitor:
        visitors.append(Visitor.come(browser, app.url, **context))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def visitor(come: Come) -> Visitor:
    """Somebody with an ordinary screen, who reads English."""
    return come()
