"""What is wanted of which post, in several languages."""

from __future__ import annotations

import pytest

from myna.answer.events import Turn
from myna.answer.task import Address, Task, address_in, in_words, task_asked, task_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("is this true?", "check"),
        ("Is it true??", "check"),
        ("hey, is that really true", "check"),
        ("fact check this please", "check"),
        ("C'est vrai ?", "check"),
        ("Est-ce vrai ?", "check"),
        ("est-ce que c’est vrai ?", "check"),
        ("Stimmt das?", "check"),
        ("¿Es verdad?", "check"),
        ("É verdade?", "check"),
        ("è vero?", "check"),
        ("本当ですか？", "check"),
        ("explain this", "explain"),
        ("Can you explain this post, please?", "explain"),
        ("what does this mean?", "explain"),
        ("context?", "explain"),
        ("Explique ce message", "explain"),
        ("tu peux expliquer ça stp", "explain"),
        ("erkläre das bitte", "explain"),
        ("explícame" + "", None),
        ("explica esto por favor", "explain"),
        ("説明して", "explain"),
        ("summarise", "thread"),
        ("please summarize this thread", "thread"),
        ("TL;DR", "thread"),
        ("Résume ce fil", "thread"),
        ("fasse das zusammen", "thread"),
        ("resume este hilo", "thread"),
        ("要約して", "thread"),
        ("summarise this author", "profile"),
        ("who is this?", "profile"),
        ("how do I mount an ISO?", None),
        ("explain how grub finds its menu", None),
        ("is this true of Debian as well?", None),
        ("", None),
    ],
)
def test_a_word_or_two_says_what_is_wanted(text: str, kind: str | None) -> None:
    assert task_asked(text) == kind


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("explain /p/net/at%3A%2F%2Fx%2Fy", Address(("at://x/y",), "net")),
        ("https://myna.example/p/net/abc?", Address(("abc",), "net")),
        ("at://did:plc:x/app.bsky.feed.post/3k.", Address(("at://did:plc:x/app.bsky.feed.post/3k",))),
        ("https://bsky.app/profile/did:plc:x/post/3k", Address(("at://did:plc:x/app.bsky.feed.post/3k",))),
        ("https://bsky.app/profile/ann.example/post/3k?x", Address(("at://ann.example/app.bsky.feed.post/3k",))),
        ("https://a.example/@bo/12", Address(("https://a.example/@bo/12", "https://a.example/users/bo/statuses/12"))),
        ("https://example.org/page", None),
        ("nothing", None),
    ],
)  # fmt: skip
def test_a_post_is_named_by_its_address(text: str, address: Address | None) -> None:
    assert address_in(text) == address


def test_an_address_with_a_handle_means_the_post_of_whoever_has_it() -> None:
    address = Address(("at://ann.example/app.bsky.feed.post/3k",))
    assert address.handle == "ann.example"
    assert address.by("did:plc:x") == "at://did:plc:x/app.bsky.feed.post/3k"
    assert Address(("at://did:plc:x/app.bsky.feed.post/3k",)).handle is None
    assert Address(("https://a.example/@bo/12",)).by("did:plc:x") is None


def test_a_task_is_asked_in_words_that_are_understood() -> None:
    for kind in ("explain", "thread", "profile", "check"):
        for language in ("en", "fr"):
            words = in_words(kind, "net work", "at://a/b c", language)
            task = task_of([Turn("user", words)])
            assert task == Task(kind, Address(("at://a/b c",), "net work")), words


def test_a_handle_names_an_author() -> None:
    assert task_of([Turn("user", "What does @ann.example post about?")]) == Task(
        "profile", handle="ann.example"
    )
    assert task_of([Turn("user", "is this true?")]) is None


def test_a_long_row_of_words_that_add_nothing_takes_no_time() -> None:
    assert task_asked("explain " + "all this " * 200) == "explain"
    assert task_asked("explain " + "all this conversation post " * 2_000 + "x") is None
    assert task_asked("please, " * 2_000 + "x") is None
