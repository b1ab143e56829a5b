"""The app as people meet it: the real ``myna up``, the real model, a real browser."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Come
from tests.browser.running import RunningApp
from tests.browser.visitor import ANSWER_MS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(600)]

QUESTION = "How do I restart X?"
"""The demo network holds an answer to it."""


def test_the_start_says_what_myna_is(visitor: Visitor, app: RunningApp) -> None:
    page = visitor.goto()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask the network.")
    expect(page.locator("main")).to_contain_text("Myna is an AI")
    network = app.get("/api/config")["networks"][0]
    expect(page.locator("main")).to_contain_text(network["title"])
    license_link = page.get_by_role("link", name="CC BY 4.0")
    expect(license_link).to_have_attribute("href", network["license_url"])
    suggestions = page.get_by_role("region", name="Try one of these").get_by_role("button")
    expect(suggestions).to_have_count(3, timeout=40_000)
    expect(visitor.box).to_be_focused()


def test_sources_come_before_words_and_a_citation_opens_its_post(visitor: Visitor) -> None:
    page = visitor.goto()
    answer = visitor.ask(QUESTION)
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    visitor.wait_for_end(answer)
    seen = page.evaluate("window.seen")
    assert seen == ["sources", "words"], answer.inner_text()
    expect(answer.locator("[role=group] li").first).to_be_visible()

    chip = answer.locator("a.chip").first
    number = int(chip.inner_text())
    message = visitor.chat()["messages"][-1]
    source = next(source for source in message["sources"] if source["number"] == number)
    chip.hover()
    card = page.get_by_role("dialog", name=f"Source {number}")
    expect(card).to_contain_text(source["post"]["author"]["handle"])
    expect(card).to_contain_text(source["post"]["text"].split("\n")[0])
    expect(answer.locator(".span-lit").first).to_be_visible()

    chip.click()
    expect(page).to_have_url(visitor.url + source["post"]["app_url"])
    opened = page.locator("li[aria-current=true]")
    expect(opened).to_contain_text(source["post"]["text"].split("\n")[0])
    expect(opened).to_be_in_viewport()
    page.get_by_role("button", name="Back").click()
    expect(visitor.answers.first.locator("a.chip").first).to_be_visible()


def test_what_is_marked_is_what_the_api_says(visitor: Visitor) -> None:
    visitor.goto()
    answer = visitor.wait_for_end(visitor.ask(QUESTION))
    message = visitor.chat()["messages"][-1]
    text = message["text"]
    for span in message["spans"]:
        first_words = text[span["start"] : span["end"]].split("\n")[0][:20]
        kind = ".span-cited" if span["kind"] == "citation" else ".span-unsupported"
        assert any(
            first_words.strip()[:8] in piece for piece in answer.locator(kind).all_inner_texts()
        )
    cited = [n for s in message["spans"] if s["kind"] == "citation" for n in s["numbers"]]
    assert [int(n) for n in answer.locator("a.chip").all_inner_texts()] == cited


def test_a_reload_in_mid_answer_resumes(visitor: Visitor) -> None:
    page = visitor.goto()
    answer = visitor.ask("What is the difference between apt-get and aptitude?")
    expect(answer.locator("[role=group] li").first).to_be_visible(timeout=ANSWER_MS)
    expect(answer).to_have_attribute("aria-busy", "true")
    other = visitor.another_tab()
    page.reload()
    other.goto(urlsplit(page.url).path)
    for window in (visitor, other):
        window.wait_for_end(window.answers.first)
        expect(window.answers).to_have_count(1)
    messages = visitor.chat()["messages"]
    assert [message["state"] for message in messages] == ["done", "done"]
    words = visitor.answers.first.locator(".prose").inner_text()
    assert words == other.answers.first.locator(".prose").inner_text()
    assert messages[-1]["text"][:20] in words
    other.leave()


def test_stop_ends_an_answer_and_answer_again_makes_a_version(visitor: Visitor) -> None:
    page = visitor.goto()
    answer = visitor.ask("How do I mount a USB stick, and what can go wrong?")
    expect(answer.locator("[role=group] li").first).to_be_visible(timeout=ANSWER_MS)
    page.keyboard.press("Escape")
    expect(answer).to_contain_text("You stopped this answer.", timeout=10_000)
    assert visitor.chat()["messages"][-1]["state"] == "stopped"

    answer.get_by_role("button", name="Answer again").click()
    expect(answer).to_have_attribute("aria-busy", "true")
    visitor.wait_for_end(answer)
    expect(answer.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    answer.get_by_role("button", name="Previous version").click()
    expect(answer).to_contain_text("You stopped this answer.")


def test_a_follow_up_stays_in_the_chat_and_small_talk_has_no_sources(visitor: Visitor) -> None:
    visitor.goto()
    visitor.wait_for_end(visitor.ask(QUESTION))
    second = visitor.wait_for_end(visitor.ask("Thanks!"))
    expect(second.locator("[role=group] li")).to_have_count(0)
    messages = visitor.chat()["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert messages[2]["parent_id"] == messages[1]["id"]


def test_chats_are_renamed_and_deleted(visitor: Visitor) -> None:
    page = visitor.goto()
    visitor.wait_for_end(visitor.ask("hello"))
    chats = page.get_by_role("navigation", name="Chats")
    expect(chats.get_by_role("link")).to_have_count(1)
    chats.get_by_role("button", name="Options of").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.keyboard.type("My greetings")
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.keyboard.press("Enter")
    expect(chats.get_by_role("link", name="My greetings")).to_be_visible()
    page.reload()
    expect(chats.get_by_role("link", name="My greetings")).to_be_visible()
    assert visitor.chat()["title"] == "My greetings"

    chats.get_by_role("button", name="Options of").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(visitor.url + "/")
    expect(chats.get_by_role("link")).to_have_count(0)


def test_search_finds_lights_and_explains(visitor: Visitor) -> None:
    page = visitor.goto("/search")
    expect(page.get_by_text("from:name")).to_be_visible()
    page.get_by_role("searchbox").fill("grub since:yesterdayish")
    page.get_by_role("searchbox").press("Enter")
    expect(page).to_have_url(f"{visitor.url}/search?q={quote_plus('grub since:yesterdayish')}")
    expect(page.locator("main")).to_contain_text("since:yesterdayish")
    page.get_by_role("searchbox").fill("grub")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("main mark").first).to_contain_text("grub", ignore_case=True)
    first = page.locator("main ol a").first
    text = first.locator("p").inner_text()
    first.click()
    expect(page.locator("li[aria-current=true]")).to_contain_text(text)


def test_search_goes_on_page_by_page_and_counts_over_time(visitor: Visitor) -> None:
    page = visitor.goto("/search?q=ubuntu")
    chart = page.get_by_role("figure", name="Posts over time")
    expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile("posts over time"))
    found = page.locator("main ol > li")
    expect(found).to_have_count(25)
    page.get_by_role("button", name="Show more").click()
    expect(found).to_have_count(50)
    links = found.locator("a").evaluate_all("all => all.map(one => one.href)")
    assert len(set(links)) == 50
    page.get_by_role("link", name="Oldest").click()
    expect(page).to_have_url(re.compile("sort=oldest"))
    expect(found).to_have_count(25)
    times = found.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
    assert times == sorted(times)


def test_the_menu_on_a_post_tells_of_it(visitor: Visitor) -> None:
    page = visitor.goto("/search?q=grub")
    page.locator("main ol a").first.click()
    asked = urlsplit(page.url).path
    menu = "Ask Myna about this post by"
    page.locator("li[aria-current=true]").get_by_role("button", name=menu).click()
    expect(page.get_by_role("menuitem")).to_have_text(
        ["Explain this post", "Is this true?", "Summarise the thread", "Summarise the author"]
    )
    page.get_by_role("menuitem", name="Explain this post").click()
    expect(page).to_have_url(re.compile("/c/"))
    visitor.wait_for_end(visitor.answers.first)
    question, answer = visitor.chat()["messages"]
    assert question["text"] == f"Explain this post: {asked}"
    told = next(source for source in answer["sources"] if source["post"]["app_url"] == asked)
    assert told["number"] in {n for span in answer["spans"] for n in span["numbers"]}

    visitor.answers.first.locator("a.chip").first.hover()
    card = page.get_by_role("dialog")
    card.get_by_role("button", name=menu).press("Enter")  # the keyboard reaches it, too
    before = page.url
    page.get_by_role("menuitem", name="Is this true?").press("Enter")
    expect(page).not_to_have_url(before)
    visitor.wait_for_end(visitor.answers.first)
    question, answer = visitor.chat()["messages"]
    assert question["text"].startswith("Is this true? /p/")
    assert answer["model"] == "myna", "a model was asked"
    expect(visitor.answers.first.locator("a.chip").first).to_be_visible()


def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    page = visitor.goto("/about")
    page.keyboard.press("Control+k")
    expect(page).to_have_url(visitor.url + "/")
    page.keyboard.press("Tab")
    expect(visitor.box).not_to_be_focused()
    page.keyboard.press("/")
    expect(visitor.box).to_be_focused()
    page.keyboard.type("two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    expect(visitor.box).to_have_value("two\nlines")
    visitor.box.fill("")
    visitor.wait_for_end(visitor.ask(QUESTION))
    visitor.answers.first.locator("a.chip").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("li[aria-current=true]")).to_be_visible()


def test_french_for_those_who_read_french(come: Come) -> None:
    visitor = come(locale="fr-FR")
    page = visitor.goto()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("heading", level=1)).to_have_text("Interrogez le réseau.")
    answer = visitor.wait_for_end(visitor.ask("What is the recipe of a chocolate cake?"))
    expect(answer.get_by_role("button", name="Répondre à nouveau")).to_be_visible()
    page.get_by_role("button", name="Langue et thème").click()
    page.get_by_role("menuitemradio", name="English").click()
    page.keyboard.press("Escape")
    expect(answer.get_by_role("button", name="Answer again")).to_be_visible()
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_phone_in_the_dark(come: Come) -> None:
    visitor = come(
        viewport={"width": 360, "height": 740},
        color_scheme="dark",
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    page = visitor.goto()
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert int(red) < 60
    visitor.wait_for_end(visitor.ask(QUESTION))
    assert visitor.overflow_px() == 0
    visitor.answers.first.locator("a.chip").first.tap()
    card = page.get_by_role("dialog")
    expect(card).to_be_visible()
    card.get_by_role("link", name="Open in its thread").tap()
    expect(page.locator("li[aria-current=true]")).to_be_visible()
    assert visitor.overflow_px() == 0
    page.get_by_role("button", name="Open the list of chats").tap()
    page.get_by_role("dialog").get_by_role("link", name="Search posts").tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
    for path in ("/", "/search?q=wireless", "/about"):
        visitor.goto(path)
        page.wait_for_load_state("networkidle")
        assert visitor.overflow_px() == 0, path


def test_a_post_that_is_not_there(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/p/ubuntu-irc/never%2F1")
    expect(page.get_by_role("alert")).to_contain_text("not here")
    # The browser itself reports the 404 of the API; nothing else may be reported.
    visitor.faults[:] = [fault for fault in visitor.faults if "404" not in fault]


def test_every_policy_is_strict(visitor: Visitor) -> None:
    response = visitor.page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy and "https:" not in policy
