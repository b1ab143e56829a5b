"""In which language a post is: by its network, its script, its little words, or the model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.language import base_language, identify, language, likelier, script_of


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "I have been waiting for this the whole day"),
        ("fr", "Je ne sais pas si nous pourrons venir demain avec les enfants"),
        ("de", "Ich weiß nicht, ob wir morgen mit den Kindern kommen können"),
        ("es", "No sé si mañana podremos venir con los niños, pero quiero"),
        ("pt", "Não sei se vamos conseguir vir amanhã com as crianças"),
        ("it", "Non so se domani possiamo venire con tutti i bambini"),
        ("nl", "Ik weet niet of we morgen met de kinderen kunnen komen"),
        ("pl", "Nie wiem, czy jutro będziemy mogli przyjść z dziećmi"),
        ("tr", "Yarın çocuklarla gelebilir miyiz bilmiyorum"),
        ("fi", "En tiedä voimmeko tulla huomenna lasten kanssa"),
        ("ru", "Не знаю, сможем ли мы завтра прийти с детьми"),
        ("uk", "Не знаю, чи зможемо ми завтра прийти з дітьми"),
        ("ar", "لا أعرف إذا كنا سنأتي غدا مع الأطفال"),
        ("fa", "نمی‌دانم فردا می‌توانیم با بچه‌ها بیاییم یا نه"),
        ("hi", "पता नहीं कल हम बच्चों के साथ आ पाएंगे या नहीं"),
        ("el", "Καλημέρα σε όλους"),
        ("he", "בוקר טוב לכולם"),
        ("th", "สวัสดีตอนเช้า"),
        ("ko", "좋은 아침"),
        ("ja", "おはよう"),
        ("ja", "Windows 11 の更新が終わらない"),
        ("zh", "早上好"),
        ("ta", "காலை வணக்கம்"),
        ("ka", "დილა მშვიდობისა"),
    ],
)
def test_the_text_shows_its_language(lang: str, text: str) -> None:
    assert identify(text) == lang
    assert language(text, None) == lang


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "lol 😂😂",
        "https://example.org/une/page/pour/vous",
        "@jean.dupont.example #pour #vous",
        "sudo ls -la /var/log",
        "12345 67890",
        ":heart_eyes: :fire:",
    ],
)
def test_too_little_text_has_no_language(text: str) -> None:
    assert identify(text) is None


def test_addresses_and_tags_say_nothing_of_the_language() -> None:
    text = "das ist doch nicht wahr https://example.com/this/is/what/they/have/been #theTruth"
    assert identify(text) == "de"


@pytest.mark.parametrize(
    ("tag", "base"),
    [
        ("en-GB", "en"),
        ("pt_BR", "pt"),
        ("nb", "no"),
        ("zh-Hant-TW", "zh"),
        ("und", None),
        ("", None),
        (None, None),
    ],
)
def test_tags_are_read(tag: str | None, base: str | None) -> None:
    assert base_language(tag) == base


def test_a_few_words_lean_to_one_of_a_few_languages() -> None:
    assert identify("Qui es-tu ?") is None
    assert likelier("Qui es-tu ?", ("en", "fr")) == "fr"
    assert likelier("Who are you?", ("en", "fr")) == "en"
    assert likelier("kernel panic", ("en", "fr")) is None


def test_the_networks_word_counts() -> None:
    assert language("mira las fotos", "ca") == "ca"
    assert language("ok", "de-AT") == "de"


def test_letters_that_cannot_be_the_languages_outweigh_the_networks_word() -> None:
    assert language("今日はとても寒いですね", "en") == "ja"
    assert language("I have been waiting for this the whole day", "ja") == "en"
    assert language("Доброго ранку, чому ви ще не спите", "en") == "uk"


def test_a_contradiction_that_leads_nowhere_leaves_the_networks_word() -> None:
    assert language("kya haal hai", "hi") == "hi"
    assert language("😀", "ja") == "ja"


def test_chinese_characters_may_be_japanese_if_the_network_says_so() -> None:
    assert language("東京都庁", "ja") == "ja"


def test_most_letters_decide_the_script() -> None:
    assert script_of("Ubuntu を入れた") == "kana"
    assert script_of("he said привет to everybody") == "latin"
    assert script_of("123 !?") is None


@given(st.text(), st.none() | st.text(max_size=8))
def test_any_text_and_any_tag_will_do(text: str, tag: str | None) -> None:
    found = language(text, tag)
    assert found is None or found
