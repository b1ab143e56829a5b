"""Terms: folding, stemming, scripts without spaces; offsets always point at the word."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.terms import (
    content_terms,
    find,
    index_text,
    is_unspaced,
    language_of,
    merge_spans,
    query_languages,
    query_tokens,
    tokenize,
    variants,
)


def terms(text: str, lang: str | None = None) -> list[str]:
    return [token.term for token in tokenize(text, lang)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mounting", "mounts"),
        ("CAFÉ", "cafe"),
        ("cafe\u0301", "café"),
        ("don't", "don’t"),
        ("Ann's", "Ann"),
        ("straße", "STRASSE"),
        ("ﬁle", "file"),
        ("Øre", "ore"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one, "en") == terms(other, "en")


def test_french_words_lose_their_article_and_ending() -> None:
    assert language_of("Comment monter une image sur le disque ?") == "fr"
    assert content_terms("l'installation des paquets", "fr") == content_terms(
        "installation du paquet", "fr"
    )


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("de", "Häuser", "Haus"),
        ("es", "canciones", "canción"),
        ("pt", "histórias", "história"),
        ("it", "bambini", "bambino"),
        ("nl", "katten", "kat"),
        ("sv", "böckerna", "böcker"),
        ("da", "børnene", "børn"),
        ("no", "bøkene", "bøker"),
        ("fi", "taloissa", "talo"),
        ("hu", "könyveket", "könyv"),
        ("ro", "copiilor", "copii"),
        ("tr", "kitapları", "kitap"),
        ("tr", "Ankara'da", "Ankara"),
        ("ru", "кошками", "кошка"),
        ("el", "γάτες", "γάτα"),
        ("ar", "المدرسة", "مدرسة"),
        ("ta", "கதைகள்", "கதை"),
        ("nb-NO", "bussene", "busser"),
    ],
)
def test_words_are_stemmed_in_their_language(lang: str, one: str, other: str) -> None:
    assert terms(one, lang) == terms(other, lang)


def test_scripts_without_spaces_become_pairs() -> None:
    assert terms("京都府") == ["京都", "都府", "府"]
    assert terms("ภาษา")[0] == "ภา"


def test_marks_do_not_cut_words() -> None:
    assert len(terms("हिन्दी")) == 1
    assert len(terms("שָׁלוֹם")) == 1


def test_emoji_and_code_names_are_words() -> None:
    assert terms("C++ and C# 😀👍") == ["c++", "and", "c#", "😀", "👍"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("👍🏽 👍", ["👍", "👍"]),
        ("❤️ ❤", ["❤", "❤"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("1️⃣", ["1⃣"]),
        ("👩🏽‍💻", ["👩", "💻"]),
        ("🤷‍♀️ 🤷🏿‍♂️", ["🤷", "🤷"]),
        ("👨‍👩‍👧", ["👨", "👩", "👧"]),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", ["🏴󠁧󠁢󠁥󠁮󠁧󠁿"]),
    ],
)
def test_emoji_are_the_same_in_any_tone_and_drawing(text: str, wanted: list[str]) -> None:
    assert terms(text) == wanted


def test_a_joined_emoji_is_marked_as_a_whole() -> None:
    text = "x👩🏽\u200d💻y"
    assert {text[one.start : one.end] for one in tokenize(text)} == {"x", "👩🏽\u200d💻", "y"}


def test_a_tag_is_found_whole_and_by_its_words() -> None:
    assert terms("#UbuntuLTS rocks", "en") == ["ubuntult", "ubuntu", "lts", "rock"]
    assert terms("#ubuntu #NASA UbuntuLTS", "en") == ["ubuntu", "nasa", "ubuntult"]


def test_kana_and_width_do_not_count() -> None:
    assert terms("ﾗｰﾒﾝ") == terms("ラーメン") == terms("らーめん")


def test_a_middle_dot_ends_a_run() -> None:
    assert terms("ハリー・ポッター") == terms("ハリー") + terms("ポッター")


def test_a_query_of_a_run_asks_for_its_pairs_alone() -> None:
    assert [token.term for token in query_tokens("京都府 本")] == ["京都", "都府", "本"]


def test_single_characters_are_found_within_runs() -> None:
    count, found = find("私の本棚", None, {"本": 0}, lambda word: None, {})
    assert count == 4
    assert [(token.start, token.end) for _, _, token in found] == [(2, 3)]


def test_short_texts_are_stemmed_as_is_usual_in_their_script() -> None:
    assert [language_of(text) for text in ("disks", "диски", "δίσκοι", "ディスク")] == [
        "en",
        "ru",
        "el",
        "",
    ]


def test_queries_are_read_in_their_own_language_first() -> None:
    languages = query_languages("Wie kann ich das denn machen?", ["pt"])
    assert languages[:3] == ("de", "en", "pt")
    assert "" in languages
    assert "fr" not in languages


def test_stop_words_are_no_content() -> None:
    assert content_terms("How do I mount the disk?") == ["mount", "disk"]
    assert content_terms("Wie kann ich denn die Platte einbinden?") == ["platt", "einbind"]
    assert content_terms("Dlaczego nie ma dysku?") == ["dysku"]
    assert content_terms("Comment est-ce que je monte le disque ?") == ["mont", "disqu"]


def test_a_word_may_be_found_in_posts_of_other_languages() -> None:
    assert {"mont", "monter"} <= set(variants("monter"))


@given(st.text())
def test_offsets_hold_and_both_ways_of_cutting_agree(text: str) -> None:
    tokens = tokenize(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(token.term and not any(map(str.isspace, token.term)) for token in tokens)
    assert index_text(text, language_of(text)).split() == [token.term for token in tokens]


@given(st.text())
def test_finding_is_the_same_as_going_through_all_words(text: str) -> None:
    tokens = tokenize(text)
    places = {token.term: place for place, token in enumerate(tokens[::2])}
    count, found = find(text, None, places, lambda word: None, {})
    assert count == len(tokens)
    wanted = [token for token in tokens if token.term in places or token.word in places]
    assert [token for _, _, token in found if token in wanted] == wanted
    # A single character of a script without spaces is also found at the head of its pair.
    assert all(token in wanted or token.term[0] in places for _, _, token in found)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9))))
def test_merged_spans_are_apart_and_cover_the_same(spans: list[tuple[int, int]]) -> None:
    given_spans = [(start, start + length) for start, length in spans]
    merged = merge_spans(given_spans)
    covered = {at for start, end in given_spans for at in range(start, end)}
    assert {at for start, end in merged for at in range(start, end)} == covered
    assert all(one[1] < other[0] for one, other in itertools.pairwise(merged))


_WRITING = st.text(
    alphabet=st.characters(categories=["Lu", "Ll", "Lo", "Lm", "Mn", "Mc", "Nd", "So", "Zs", "Po"])
    | st.sampled_from("'’#@.-\u200d\ufe0f\u20e3👍🏽👩💻🇫🇷ßİıёйςأةｶﾞ東京한국ไทย")
)


@given(_WRITING)
def test_a_texts_own_words_find_it(text: str) -> None:
    indexed = set(index_text(text, language_of(text)).split())
    for token in query_tokens(text):
        if len(token.term) == 1 and is_unspaced(token.term):
            assert any(term.startswith(token.term) for term in indexed)
        else:
            assert indexed & set(variants(token.word))


@given(_WRITING, st.sampled_from(["tr", "de", "ar", "ja", "und", None]))
def test_any_writing_can_be_cut(text: str, lang: str | None) -> None:
    tokens = tokenize(text, lang)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert [token.start for token in tokens] == sorted(
        token.start for token in tokens
    ) or "#" in text
