"""Words of many languages are found in an index, as people would type them."""

from __future__ import annotations

import pytest
import tantivy

from myna.index import compile as compiled
from myna.index.query import parse
from myna.index.schema import build_schema
from myna.index.terms import query_languages
from tests.index.world import made, make_post, stored


def found(query: str, post: str, lang: str | None = None) -> bool:
    """Whether a search finds a post, with three of other languages beside it in the index."""
    index = tantivy.Index(build_schema())
    writer = index.writer(15_000_000, 1)
    others = ["Nothing of that kind here, sorry", "Rien de tout cela ici", "何もありません"]
    for number, text in enumerate([post, *others]):
        other = make_post(str(number), text, lang=lang if number == 0 else None)
        writer.add_document(made(stored(number, other)))
    writer.commit()
    index.reload()
    parsed = parse(query)
    languages = query_languages(parsed.wording, ("en", "fr"))
    asked = compiled.conjunction(compiled.all_clauses(build_schema(), parsed, languages))
    searcher = index.searcher()
    hits = searcher.search(asked, limit=9).hits
    ids = searcher.fast_field_values("id", [address for _, address in hits])
    assert not set(ids) - {0}, "found too much"
    return bool(hits)


@pytest.mark.parametrize(
    ("query", "post"),
    [
        # Chinese
        ("火车", "今天早上去南京的火车又取消了"),
        ("火车站", "火车站附近有好的牙医吗"),
        ("猫", "邻居的猫每天睡在我的车上"),
        ("天", "今天"),
        ('"食品价格"', "为什么食品价格又涨了"),
        ("圖書館", "今天去图书馆"),
        ("图书馆", "今天去圖書館"),
        # Japanese
        ("運休", "電車が三本も運休になった"),
        ("ラーメン", "駅前のﾗｰﾒﾝ屋"),
        ("らーめん", "ラーメン食べたい"),
        ("iPhone修理", "iPhone修理に行ってきた"),
        ("ＰＣ", "新しいPCを買った"),
        ("時々", "時々思い出す"),
        # Korean
        ("치과", "역 근처에 좋은 치과를 아세요?"),
        ("고양이", "이웃집 고양이들이 매일 밤 잔다"),
        ("책", "오래된 책을 샀다"),
        ('"좋은 책"', "정말 좋은 책을 샀다"),
        ('"좋은 치과"', "역 근처에 좋은 치과 있나요"),
        # Thai, Lao, Burmese, Khmer
        ("รถไฟ", "เช้านี้รถไฟไปเชียงใหม่ถูกยกเลิก"),
        ("น้ำ", "ดื่มน้ำเยอะๆ"),
        ("ລາວ", "ພາສາລາວ"),
        ("မြန်မာ", "မြန်မာစာ"),
        ("ខ្មែរ", "ភាសាខ្មែរ"),
        # Spaced scripts
        ("strasse", "Die Straße ist gesperrt"),
        ("istanbul", "İSTANBUL'da kar yağıyor ve çok soğuk"),
        ("احمد", "كان أَحْمَد هنا"),
        ("מדינה", "מְדִינָה קטנה"),
        ("कहानियां", "दादी की कहानियाँ"),
        ("thuc pham", "Giá thực phẩm lại tăng"),
        ("ελληνικοσ", "Ο ελληνικός καφές"),
        ("елка", "Ёлка во дворе"),
        ("fußball", "FUSSBALL heute Abend"),
        # Emoji
        ("👍", "gut gemacht 👍🏽"),
        ("👍🏿", "gut gemacht 👍"),
        ("👩‍💻", "a day as 👩🏽‍💻 again"),
        ("🤷", "no idea 🤷🏼‍♀️"),
        ("🇫🇷", "allez 🇫🇷🇫🇷"),
        ("❤", "danke ❤️"),
        ("1️⃣", "1️⃣ first"),
        # Tags
        ("#ubuntults", "the #UbuntuLTS is out"),
        ("ubuntu lts", "the #UbuntuLTS is out"),
        ('"lts is"', "the #UbuntuLTS is out"),
        ("#हिन्दी", "आज #हिन्दी दिवस"),
        ("#café", "at the #CAFE again"),
        # Addresses
        ("domain:münchen.de", "mehr auf https://www.xn--mnchen-3ya.de/rathaus"),
        ("domain:example.com", "more at example.com/page"),
        ("mentions:ann@example.social", "thanks @ann@example.social!"),
        ("installationguide", "see https://example.com/InstallationGuide.html"),
        ("lang:de", "Ich weiß nicht, ob das wirklich so ist"),
    ],
)
def test_is_found(query: str, post: str) -> None:
    assert found(query, post)


@pytest.mark.parametrize(
    ("query", "post"),
    [
        ("京東", "東京"),
        ("🇩🇪", "🇫🇷🇩🇰"),
        ("🇷🇩", "🇫🇷🇩🇪"),
        ('"치과 좋은"', "좋은 치과"),
        ("#ubuntu", "the #UbuntuLTS is out"),
        ("domain:example.com", "write to ann@example.com"),
    ],
)
def test_is_not_found(query: str, post: str) -> None:
    assert not found(query, post)


@pytest.mark.parametrize(
    ("lang", "query", "post"),
    [
        ("de", "Haus", "Wir haben die Häuser gesehen und sie waren alle schön"),
        ("de", "kinder", "Mit dem Kind ist das nicht so einfach"),
        ("ru", "кошка", "Соседские кошки спят на моей машине каждую ночь"),
        ("es", "canción", "Las canciones que más me gustan son de aquí"),
        ("fi", "talo", "Asumme isossa talossa ja se on tosi kiva"),
    ],
)
def test_forms_of_a_word_are_found_by_a_query_in_its_language(
    lang: str, query: str, post: str
) -> None:
    assert found(f"{query} lang:{lang}", post)
    assert found(f"{query} lang:{lang}", post, lang)
