"""Takes the picture of the README: ``python -m tests.browser.picture`` (a real question, answered
by the real app with the bundled model; nothing is retouched)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.running import myna_up
from tests.browser.visitor import Visitor

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "app.png"
QUESTION = "How can I mount an ISO image without burning it?"


def main() -> None:
    """Start everything, ask, point at the first citation, take the picture."""
    with (
        tempfile.TemporaryDirectory(prefix="myna-picture-") as home,
        myna_up(Path(home)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visitor = Visitor.come(browser, app.url, viewport={"width": 1280, "height": 860})
        page = visitor.goto()
        answer = visitor.wait_for_end(visitor.ask(QUESTION))
        answer.locator("a.chip").first.hover()
        page.get_by_role("dialog").wait_for()
        page.wait_for_timeout(600)  # until what appears has appeared
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
        print(visitor.chat()["messages"][-1]["text"])
        visitor.leave()
        browser.close()


if __name__ == "__main__":
    main()
