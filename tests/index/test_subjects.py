"""Subjects: words that say something, tags and links."""

from __future__ import annotations

from collections.abc import Sequence

from myna.index.subjects import MOST, address_of, person_of, subjects_of
from myna.index.words import words_of
from myna.post import Author
from tests.index.world import make_post


def subjects(
    text: str,
    lang: str | None = None,
    tags: Sequence[str] = (),
    people: Sequence[str] = (),
    *,
    bot: bool = False,
) -> list[str]:
    author = Author("test", "ann", "ann", is_bot=bot)
    post = make_post("1", text, lang=lang, author=author)
    return subjects_of(words_of(post), post, tags, people)


def test_words_tags_and_links() -> None:
    found = subjects(
        "The ferry is late again http://www.example.org/Ferry?x=1 #ferries 2024", tags=["ferries"]
    )
    assert found[:2] == ["#ferries", "example.org/Ferry"]
    assert {"ferri", "late"} <= set(found)
    assert not {"the", "is", "again", "2024", "http", "www"} & set(found)


def test_the_languages_own_stop_words_say_nothing() -> None:
    assert subjects("Pourquoi les trains sont en retard", "fr") == ["train", "retard"]


def test_people_who_are_spoken_to_are_no_subject() -> None:
    assert subjects("tweaked: try the kernel", people=["tweaked"]) == ["tri", "kernel"]


def test_bots_make_no_trends() -> None:
    assert subjects("The ferry is late again", bot=True) == []


def test_a_long_post_has_a_bounded_number() -> None:
    assert len(subjects(" ".join(f"word{chr(97 + n)}" for n in range(26)))) == MOST


def test_one_page_is_one_address() -> None:
    assert address_of("www.Example.org/a/?utm=1#top") == "example.org/a"
    assert address_of("example.org") == "example.org/"


def test_people_are_told_apart_by_network_and_id() -> None:
    numbers = {person_of(net, id) for net in ("a", "b") for id in ("1", "2")}
    assert len(numbers) == 4
    assert max(numbers) < 2**32
