"""However a word is written, it is one word."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.folding import MAX_TERM_CHARACTERS, fold, fold_characters


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("Übergröße", "ubergrosse"),
        ("İstanbul", "istanbul"),
        ("ISPARTA", "ısparta"),
        ("cafe\u0301", "CAFÉ"),
        ("Ελληνικός", "ελληνικοσ"),
        ("ΕΛΛΗΝΙΚΌΣ", "ελληνικός"),
        ("ёлка", "елка"),
        ("Щи", "щи"),
        ("مُدَرِّسَة", "مدرسة"),
        ("أحمد", "احمد"),
        ("إسلام", "اسلام"),
        ("آمال", "امال"),
        ("عـــربي", "عربى"),
        ("کتاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("हिंदी", "हिँदी"),
        ("बाज़ार", "बाजार"),
        ("कहानियाँ", "कहानियां"),
        ("tiếng", "tieng"),
        ("đường", "duong"),
        ("Ｕｂｕｎｔｕ", "ubuntu"),
        ("２０２６", "2026"),
        ("۲۰۲۶", "2026"),
        ("ラーメン", "らーめん"),
        ("ﾗｰﾒﾝ", "ラーメン"),
        ("圖書館", "图书馆"),
        ("Łódź", "lodz"),
        ("co\u00adoperate", "cooperate"),
        ("l’installation", "installation"),
        ("dell'amico", "amico"),
        ("qu'elle", "elle"),
    ],
)
def test_ways_of_writing_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("мой", "мои"), ("їсти", "істи"), ("か", "が"), ("हिन्दी", "हन्द"), ("קו", "כו")],
)
def test_other_letters_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_folding_twice_is_folding_once(word: str) -> None:
    once = fold(word)
    assert fold(once) == once or "'" in word or len(once) == MAX_TERM_CHARACTERS


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["Lo", "Mn", "Lm"])))
def test_places_of_folded_characters_cover_the_run(run: str) -> None:
    folded, places = fold_characters(run)
    if places is None:
        assert len(folded) == len(run)
        return
    assert len(places) == len(folded) + 1
    assert places[-1] == len(run)
    assert all(one <= other for one, other in itertools.pairwise(places))


def test_half_width_and_decomposed_runs_keep_their_places() -> None:
    assert fold_characters("ｶﾞｽ") == ("がす", [0, 2, 3])
    assert fold_characters(unicodedata.normalize("NFD", "한국")) == ("한국", [0, 3, 6])
