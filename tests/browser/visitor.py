"""A person before the page, who also writes down what must never happen: a request to another
host, something that the content security policy had to stop, an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request, expect

ANSWER_MS = 90_000
"""An answer of the small model on a busy machine."""

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
// Which came first: the sources or the words of an answer?
window.seen = [];
new MutationObserver(() => {
  for (const [name, what] of [["sources", "article [role=group] li"], ["words", "article .prose"]])
    if (!window.seen.includes(name) && document.querySelector(what)) window.seen.push(name);
}).observe(document, { subtree: true, childList: true });
"""


@dataclass
class Visitor:
    """A browser window on the app."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    @classmethod
    def come(cls, browser: Browser, url: str, **context: Any) -> Visitor:
        """Open a window of its own (no cookies yet); ``context`` is Playwright's."""
        options: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1280, "height": 860}}
        page = browser.new_context(base_url=url, **(options | context)).new_page()
        return cls(page, url)._watch()

    def _watch(self) -> Visitor:
        host = urlsplit(self.url).netloc

        def on_request(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme not in {"data", "blob"} and address.netloc != host:
                self.faults.append(f"request to another host: {request.url}")

        def on_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self.faults.append(f"console {message.type}: {message.text}")

        def on_error(error: Error) -> None:
            self.faults.append(f"page error: {error}")

        self.page.on("request", on_request)
        self.page.on("console", on_console)
        self.page.on("pageerror", on_error)
        self.page.add_init_script(_WATCH)
        return self

    def another_tab(self) -> Visitor:
        """The same person's second tab."""
        return Visitor(self.page.context.new_page(), self.url)._watch()

    def goto(self, path: str = "/") -> Page:
        """Go to an address of the app."""
        self.page.goto(path)
        return self.page

    @property
    def box(self) -> Locator:
        """Where questions are typed."""
        return self.page.locator("main form textarea").last

    @property
    def answers(self) -> Locator:
        """The answers on the page."""
        return self.page.locator("main article")

    def ask(self, question: str) -> Locator:
        """Ask; returns the answer's place on the page, as soon as it has one."""
        number = self.answers.count()
        self.box.fill(question)
        self.box.press("Enter")
        answer = self.answers.nth(number)
        expect(answer).to_be_visible()
        return answer

    def wait_for_end(self, answer: Locator) -> Locator:
        """Wait until an answer is whole."""
        expect(answer).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
        return answer

    def chat(self) -> Any:
        """The chat on the page, as the API has it for this viewer."""
        chat_id = urlsplit(self.page.url).path.removeprefix("/c/")
        response = self.page.request.get(f"/api/chats/{chat_id}")
        assert response.ok, response.text()
        return response.json()

    def overflow_px(self) -> int:
        """By how much the page is wider than the window."""
        return self.page.evaluate(
            "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        )

    def leave(self) -> None:
        """Close the window; whatever must never happen fails the test here."""
        if not self.page.is_closed():
            self.faults += self.page.evaluate("window.violations ?? []")
            self.page.context.close()
        assert self.faults == []
