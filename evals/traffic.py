"""What a network sends, made from a seed: posts as people write them, replies, edits, deletions.

English posts are put together from runs of words of real posts (``shared/data``), so that words,
pairs and phrases are as frequent as people make them; other languages from short phrases and words
made of their syllables. Some posts are copies, some have a link, a tag, a mention or a word that
nobody has written before. Addresses are as long as those of the AT Protocol.

    for event in Traffic(seed=1).events(1_000_000): …        # creates, edits, deletions
    for post in Traffic(seed=1).posts(1_000_000): …          # posts alone
    write_lines(path, 1_000_000, seed=1)                     # events as an archive's lines
    load(settings, Traffic(seed=1).posts(10_000_000))        # into a store and its text index
"""

from __future__ import annotations

import gzip
import json
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evals.bench import SHARED
from myna.db.engine import open_database
from myna.db.networks import ensure_network
from myna.db.posts import apply_events
from myna.index.follow import run_follower
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from myna.telemetry import configure_logging

NETWORK = "bench"

LANGUAGES = {"en": 0.5, "ja": 0.14, "es": 0.09, "pt": 0.09, "de": 0.05, "fr": 0.05, "ko": 0.04,
             "th": 0.02, "ar": 0.02}  # fmt: skip
"""Share of the posts in each; nearly X's."""

PHRASES = {
    "ja": "今日はとても暑い|明日の天気は|新しい映画を見た|東京駅で|電車が遅れている|写真を撮りました|おはよう"
    "ございます|本当に美味しい|昨日の試合|ありがとうございます|ゲームをしている|なんでだろう|仕事が終わった|"
    "お腹すいた|友達と一緒に|カフェに行きたい|大阪まで|音楽を聴く|眠れない夜|雨が降ってきた|猫がかわいい|最高でした",
    "es": "no me lo puedo creer|hoy en la ciudad|el gobierno ha dicho que|muchas gracias a todos|qué partido"
    " tan bueno|mañana por la mañana|la verdad es que|me gusta mucho|vamos a ver si|en el centro de Madrid|"
    "los precios han subido|no sé qué decir|buenos días a todos|una canción nueva|esto no puede seguir así",
    "pt": "bom dia pessoal|não acredito nisso|hoje tem jogo|o presidente disse que|muito obrigado|eu quero"
    " dormir|que saudade de você|na minha cidade|a música nova|acabou de sair|vai chover amanhã|amo muito|"
    "as pessoas precisam entender|estou com fome|isso é verdade",
    "de": "guten Morgen zusammen|das kann doch nicht sein|die Bahn kommt zu spät|heute Abend im Stadion|ich habe"
    " gerade gelesen|der Bundestag hat beschlossen|vielen Dank für alles|das Wetter wird besser|wer hat Lust auf|"
    "am Wochenende nach Berlin|keine Ahnung warum|schönes Bild",
    "fr": "je ne comprends pas pourquoi|bonjour tout le monde|le gouvernement annonce|c'est vraiment beau|on se"
    " retrouve demain|la grève continue|merci beaucoup|quelle belle journée|à Paris ce soir|j'ai vu le film|il"
    " faut que ça change|le match était fou",
    "ko": "오늘 날씨가 좋다|정말 맛있어요|내일 만나요|감사합니다|새로운 노래|서울에서|너무 피곤해|사진을 찍었다|"
    "영화를 보고 싶다|친구랑 같이|배고프다|사랑해요",
    "th": "วันนี้อากาศร้อนมาก|ขอบคุณครับ|อร่อยมาก|พรุ่งนี้ไปทำงาน|รถติดอีกแล้ว|เพลงใหม่|คิดถึงบ้าน|สวัสดีตอนเช้า|ฝนตกหนัก|ดูหนังกับเพื่อน",
    "ar": "صباح الخير|شكرا جزيلا|اليوم في المدينة|لا أصدق هذا|المباراة كانت رائعة|الطقس جميل|أغنية جديدة|إن شاء"
    " الله|الحكومة تعلن|أحب هذا المكان",
}
_UNSPACED = frozenset({"ja", "th"})
_DOMAINS = ("youtube.com", "example.org", "news.example.com", "github.com", "blog.example.net")
_EMOJI = "😂❤🔥😭🙏👍🎉✨😍🤔💀🥺☕⚽🐱🌸"
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_MARKS = frozenset({"-LRB-", "-RRB-", "``", "''", "--"})
"""What a tokenizer left in the TREC tweets."""
_BLOCK = 8_192
_RECENT = 20_000
_FRAGMENTS = 250_000


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the events; what is left of 1 are posts."""

    deletes: float = 0.03
    edits: float = 0.01
    replies: float = 0.35
    """Of the posts, as are the next two."""
    copies: float = 0.06
    near_copies: float = 0.03


class Traffic:
    """A network of ``authors`` people. The same seed and arguments give the same events."""

    def __init__(
        self,
        seed: int = 1,
        *,
        network: str = NETWORK,
        authors: int = 200_000,
        mix: Mix | None = None,
        start: datetime | None = None,
        per_second: float = 6_000.0,
    ) -> None:
        """``start`` is when the first post is written (default: so that the first million ends
        about now), ``per_second`` how fast their clock runs."""
        self.network = network
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._seed = seed
        self._authors = authors
        self._mix = mix or Mix()
        self._start = start or datetime.now(UTC) - timedelta(seconds=1_000_000 / per_second)
        self._per_second = per_second
        self._made = 0
        self._recent: list[Post] = []

    def events(self, count: int) -> Iterator[Event]:
        """The next ``count`` events."""
        return islice(self._events(self._mix), count)

    def posts(self, count: int) -> Iterator[Post]:
        """The next ``count`` posts, without edits and deletions."""
        quiet = replace(self._mix, deletes=0.0, edits=0.0)
        return (event.post for event in islice(self._events(quiet), count) if event.post)

    def uri(self, number: int) -> str:
        """The address of the post that was made as the ``number``-th."""
        return f"at://{self._author(number).id}/app.bsky.feed.post/{_base32(number, 13)}"

    def _events(self, mix: Mix) -> Iterator[Event]:
        recent = self._recent
        while True:
            block = self._random.random((_BLOCK, 8)).tolist()
            texts = self._texts()
            for kind, place, reply, copy, extra, tongue, far, likes in block:
                if recent and kind < mix.deletes:
                    age = place * self._made  # most deletions come soon after the post
                    if far < 0.7:
                        age = -math.log1p(-place) * min(20_000, self._made / 4)
                    uri = self.uri(max(0, self._made - 1 - int(age)))
                    yield Event(Kind.DELETE, self.network, uri)
                elif recent and kind < mix.deletes + mix.edits:
                    old = recent[int(place * len(recent))]
                    new = replace(
                        old, text=f"{old.text} (edit {int(extra * 1e6)})", likes=old.likes + 1
                    )
                    yield Event(Kind.EDIT, self.network, new.uri, new)
                else:
                    post = self._post(next(texts), place, reply, copy, extra, tongue, likes)
                    if len(recent) < _RECENT:
                        recent.append(post)
                    else:
                        recent[(self._made - 1) % _RECENT] = post
                    yield Event(Kind.CREATE, self.network, post.uri, post)

    def _post(
        self,
        made: tuple[str, str],
        place: float,
        reply: float,
        copy: float,
        extra: float,
        tongue: float,
        likes: float,
    ) -> Post:
        number, mix, recent = self._made, self._mix, self._recent
        self._made += 1
        lang, text = made
        if recent and copy < mix.copies + mix.near_copies:
            old = recent[int(place * len(recent))]
            lang, text = old.lang or "en", old.text
            if copy >= mix.copies:
                text = f"{text[: len(text) * 9 // 10]} {_EMOJI[number % len(_EMOJI)]}"
        reply_to = None
        if recent and reply < mix.replies:
            back = 1 + int(-math.log1p(-place) * min(5_000, len(recent) / 4))
            reply_to = recent[(number - min(back, len(recent))) % _RECENT].uri
        raw: dict[str, Any] = {}
        if extra < 0.2:
            raw["media"] = [{"type": "image", "alt": text[:40]}]
        author = self._author(number)
        return Post(
            network=self.network,
            uri=f"at://{author.id}/app.bsky.feed.post/{_base32(number, 13)}",
            author=author,
            text=text,
            created_at=self._start + timedelta(seconds=number / self._per_second),
            reply_to=reply_to,
            lang=lang if tongue < 0.85 else None,
            likes=int(likes**-0.7) - 1 if likes > 1e-6 else 0,
            reposts=int(likes**-0.4) - 1 if likes > 1e-6 else 0,
            raw=raw,
        )

    def _author(self, number: int) -> Author:
        share = ((number * 2_654_435_761 + self._seed) & 0xFFFFFFFF) / 2**32
        return _author(self.network, int(self._authors * share**2.2))

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Languages and texts for a block of posts: 60 to 280 characters, 130 in the mean."""
        random, english = self._random, _english()
        names = list(LANGUAGES)
        shares = np.array(list(LANGUAGES.values()))
        langs = random.choice(len(names), _BLOCK, p=shares / shares.sum()).tolist()
        counts = np.clip(random.lognormal(1.55, 0.55, _BLOCK), 1, 14).astype(int).tolist()
        picks = iter(random.random(sum(counts)).tolist())
        extras = random.random((_BLOCK, 2)).tolist()
        for lang_number, count, (extra, seed) in zip(langs, counts, extras, strict=True):
            lang = names[lang_number]
            if lang == "en":
                parts = [english[int(next(picks) * len(english))] for _ in range(count)]
                joint = " "
            else:
                phrases = _phrases(lang)
                # The square makes a few of the phrases frequent and most of them rare.
                parts = [phrases[int(next(picks) ** 2 * len(phrases))] for _ in range(count)]
                joint = "" if lang in _UNSPACED else " "
            text = joint.join(parts)
            yield lang, _adorn(text, extra, seed)


def _adorn(text: str, extra: float, seed: float) -> str:
    """A tag, a mention, a link, an emoji or a word of its own for about half of the posts."""
    number = int(seed * 2**40)
    if extra < 0.10:
        return f"{text} #{('news', 'music', 'soccer', 'art')[number % 4]}{number % 997 if number & 1 else ''}"
    if extra < 0.20:
        return f"@{_author(NETWORK, int(200_000 * seed**2.2)).handle} {text}"
    if extra < 0.30:
        return f"{text} https://{_DOMAINS[number % 5]}/{_base32(number, 8)}"
    if extra < 0.40:
        return f"{text} {_EMOJI[number % len(_EMOJI)]}"
    if extra < 0.50:
        return f"{text} {_base32(number, 7)}"
    return text


@cache
def _author(network: str, number: int) -> Author:
    mixed = (number * 0x9E3779B97F4A7C15 + 0x1234567) % 2**120
    handle = f"{_base32(mixed, 6)}{number}.example.social"
    return Author(network, f"did:plc:{_base32(mixed * mixed, 24)}", handle, f"Member {number}")


def _base32(number: int, length: int) -> str:
    letters = [_ALPHABET[(number >> (5 * place)) & 31] for place in range(length)]
    return "".join(reversed(letters))


@cache
def _english() -> list[str]:
    """Runs of three to nine words of real posts, each as often as it was written."""
    runs: list[str] = []
    random = np.random.Generator(np.random.PCG64(0))
    for name in ("rumoureval_threads", "trec_microblog_2011", "trec_microblog_2012", "ubuntu_irc"):
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in islice(lines, 60_000):
                words = [word for word in json.loads(line)["text"].split() if word not in _MARKS]
                while len(words) >= 3:
                    length = int(random.integers(3, 10))
                    runs.append(" ".join(words[:length]))
                    words = words[length:]
    random.shuffle(runs)
    return runs[:_FRAGMENTS]


@cache
def _phrases(lang: str) -> list[str]:
    """The language's phrases, then thousands of words made of pieces of them."""
    phrases = PHRASES[lang].split("|")
    random = np.random.Generator(np.random.PCG64(len(phrases)))
    letters = "".join(phrases).replace(" ", "")
    made = []
    for _ in range(4_000):
        places = random.integers(0, len(letters) - 4, 3)
        made.append("".join(letters[place : place + 2 + place % 2] for place in places))
    if lang not in _UNSPACED:
        made = [
            f"{phrases[n % len(phrases)].partition(' ')[2]} {word}" for n, word in enumerate(made)
        ]
    return phrases * 40 + made


def line_of(event: Event) -> bytes:
    """The event as a line of an archive, as ``feeds/line.py`` reads it."""
    post = event.post
    if post is None:
        return b'{"kind":"delete","id":"%b"}\n' % event.uri.encode()
    author = post.author
    row: dict[str, Any] = {
        "id": post.uri,
        "author": {"id": author.id, "handle": author.handle, "name": author.name},
        "created_at": post.created_at.isoformat(),
        "text": post.text,
        "likes": post.likes,
        "reposts": post.reposts,
        **post.raw,
    }
    if post.reply_to:
        row["reply_to"] = post.reply_to
    if post.lang:
        row["lang"] = post.lang
    if event.kind is not Kind.CREATE:
        row["kind"] = event.kind.value
    return msgspec.json.encode(row) + b"\n"


def write_lines(path: Path, count: int, seed: int = 1, **options: Any) -> None:
    """``count`` events as an archive: 25,000 events a second, about 480 bytes each."""
    with path.open("wb") as file:
        for event in Traffic(seed, **options).events(count):
            file.write(line_of(event))


def load(settings: Settings, posts: Iterable[Post], *, batch: int = 2_000) -> None:
    """Fill a store and its text index, each on a core of its own, as fast as both can.

    Not durable while it runs (the disk is not waited for), durable when it returns. Run it where
    no other process follows this store. Vectors are not made: run the embedder for them.
    """
    import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    index = spawn.Process(target=_index, args=(settings, stop))
    db = open_database(settings)
    try:
        index.start()
        rest = iter(posts)
        known: set[str] = set()
        while events := [Event(Kind.CREATE, p.network, p.uri, p) for p in islice(rest, batch)]:
            with db.begin() as conn:
                conn.exec_driver_sql("set local synchronous_commit = off")
                for network in {event.network for event in events} - known:
                    ensure_network(conn, network)
                    known.add(network)
                apply_events(conn, events, now=datetime.now(UTC))
            if not index.is_alive():
                raise SystemExit(f"the text index's process ended ({index.exitcode})")
        with db.begin() as conn:
            conn.exec_driver_sql(
                "update change_counter set last_seq = last_seq"
            )  # a durable commit
        stop.set()
        index.join()
    finally:
        stop.set()
        index.join()
        db.dispose()


def _index(settings: Settings, stop: Any) -> None:
    """The text index's role until ``stop``, then until it has everything."""
    from myna.index.follow import Follower

    configure_logging("warning")
    done = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), done.set()), daemon=True).start()
    run_follower(settings, done)
    db = open_database(settings, migrate=False)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    db.dispose()
