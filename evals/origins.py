"""Are copies found, and other posts left alone? Real tweets, documented changes to them.

    .venv/bin/python -m evals.origins [--data FOLDER] [--posts N] [--show N] [--json OUT]

Posts are the different tweets of at least eight words of RumourEval, CheckThat! and TREC Microblog
2011 and 2012. All go in, then one changed copy of each by another author. *Recall*: copies that are
folded under their post (or what that one was folded under). *Wrong*: changes that make another
statement of it (a number, a denial) and that are folded all the same. *False merges*: pairs of
different posts, most of them about the same few topics, that are folded although they share less
than half of their words and pairs of words (counted exactly), per million pairs; ``--show`` prints
some of the pairs that are folded, to be judged by eye. Processor
time a post is given from an empty cache of words, and (*warm*) when they are known. Beside it: equality of the case-folded text,
and where it is installed ``datasketch`` (MinHashLSH, 64 permutations, threshold 0.6, pairs of words
and words as here, without the rule of numbers and denials).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from evals.bench import SHARED, print_table, read_rows
from myna.index.origins import Origins, own_number, sign_posts
from myna.post import Author, Post, State, StoredPost
from myna.telemetry import configure_logging

LEAST_WORDS = 8
_BATCH = 1_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
Change = Callable[[str, random.Random], str | None]


def _typo(text: str, dice: random.Random) -> str | None:
    words = text.split()
    places = [at for at, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not places:
        return None
    at = dice.choice(places)
    cut = dice.randrange(1, len(words[at]) - 1)
    words[at] = words[at][:cut] + words[at][cut + 1 :]
    return " ".join(words)


def _two_typos(text: str, dice: random.Random) -> str | None:
    once = _typo(text, dice)
    return _typo(once, dice) if once else None


def _cut(text: str, share: float) -> str | None:
    words = text.split()
    kept = words[: int(len(words) * share)]
    lost = " ".join(words[len(kept) :])
    return None if re.search(r"\d|\bno[tr]?\b|n't", lost, re.IGNORECASE) else " ".join(kept) + "…"


def _number(text: str, dice: random.Random) -> str | None:
    found = list(re.finditer(r"(?<![\w#/.])\d+(?![\w/.])", text))
    if not found:
        return None
    match = dice.choice(found)
    return f"{text[: match.start()]}{int(match.group()) + dice.randint(1, 9)}{text[match.end() :]}"


def _denial(text: str, _: random.Random) -> str | None:
    made = re.sub(r"\b(is|are|was|were|has|have|will|can)\b", r"\1 not", text, count=1)
    return made if made != text else None


def _replaced(text: str, dice: random.Random) -> str | None:
    words = text.split()
    places = [at for at, word in enumerate(words) if word.isalpha()]
    if not places:
        return None
    words[dice.choice(places)] = "something"
    return " ".join(words)


COPIES: dict[str, Change] = {
    "the same": lambda text, _: text,
    "upper case": lambda text, _: text.upper(),
    "RT @x:": lambda text, _: f"RT @somebody: {text}",
    "RT @y: RT @x:": lambda text, _: f"RT @other: RT @somebody: {text}",
    "emoji": lambda text, dice: text + " " + dice.choice("😱😂🙏🔥") * 3,
    "a tag more": lambda text, _: f"{text} #breaking",
    "a link more": lambda text, dice: f"{text} http://t.co/{dice.randrange(10**9):x}",
    "tag, link, via": lambda text, dice: (
        f"{text} #news http://t.co/{dice.randrange(10**9):x} via @x"
    ),
    "a remark before": lambda text, _: f"So sad. {text}",
    "a remark, RT": lambda text, _: f"Wow!! RT @somebody: {text}",
    "one typo": _typo,
    "two typos": _two_typos,
    "a word changed": _replaced,
    "no punctuation": lambda text, _: re.sub(r"[^\w\s#@/:.'’]", " ", text),
    "cut to 80 %": lambda text, _: _cut(text, 0.8),
    "cut to 60 %": lambda text, _: _cut(text, 0.6),
}
OTHERS: dict[str, Change] = {
    "another number": _number,
    "a denial": _denial,
    "fake:": lambda text, _: f"FAKE: {text}",
}


class Folder(Protocol):
    """Gives texts in, by author, the numbers of their origins."""

    def fold(self, texts: Sequence[str], author: str) -> list[int]: ...


class Ours:
    """``myna.index.origins`` with a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._origins = Origins(folder / "origins.bin", "bench")
        self._last = 0

    def fold(self, texts: Sequence[str], author: str) -> list[int]:
        """Origins in batches, as the index's writer asks for them."""
        found: list[int] = []
        for start in range(0, len(texts), _BATCH):
            posts = [
                _stored(self._last + number, text, f"{author}{number}")
                for number, text in enumerate(texts[start : start + _BATCH], 1)
            ]
            self._last += len(posts)
            found += self._origins.assign([own_number(post) for post in posts], sign_posts(posts))
        return found


class Equal:
    """The same text but for case and spaces."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._last = 0

    def fold(self, texts: Sequence[str], author: str) -> list[int]:
        """The first post with the text."""
        del author
        found: list[int] = []
        for text in texts:
            self._last += 1
            found.append(self._seen.setdefault(" ".join(text.casefold().split()), self._last))
        return found


class DataSketch:
    """MinHashLSH of the library datasketch: the most similar candidate."""

    def __init__(self) -> None:
        library: Any = importlib.import_module("datasketch")
        self._hash: Any = library.MinHash
        self._index: Any = library.MinHashLSH(threshold=0.6, num_perm=64)
        self._known: dict[int, tuple[Any, int]] = {}

    def fold(self, texts: Sequence[str], author: str) -> list[int]:
        """One at a time: it has no batches for look-ups that depend on each other."""
        del author
        found: list[int] = []
        for text in texts:
            made = self._hash(num_perm=64)
            made.update_batch([" ".join(one).encode() for one in features(text)] or [b""])
            number = len(self._known) + 1
            near = [(made.jaccard(self._known[key][0]), key) for key in self._index.query(made)]
            best = max(near, default=(0.0, number))
            origin = self._known[best[1]][1] if best[0] >= 0.6 else number
            self._known[number] = (made, origin)
            if origin == number:
                self._index.insert(number, made)
            found.append(origin)
        return found


def features(text: str) -> set[tuple[str, ...]]:
    """Words and pairs of words, plainly: what similarity is counted over exactly."""
    words = re.findall(r"[\w'’]+", re.sub(r"https?://\S+|@\w+|\bRT\b", " ", text).casefold())
    return {(word,) for word in words} | set(pairwise(words))


def jaccard(one: str, other: str) -> float:
    """Exact similarity."""
    left, right = features(one), features(other)
    return len(left & right) / max(1, len(left | right))


def _stored(number: int, text: str, author: str) -> StoredPost:
    post = Post("bench", str(number), Author("bench", author, author), text, _NOW)
    return StoredPost(number, number, State.LIVE, post, str(number), _NOW)


def load(data: Path, limit: int) -> list[str]:
    """Different tweets, shuffled from a fixed seed."""
    files = (
        "rumoureval_threads",
        "checkthat_tweets_train",
        "checkthat_tweets_dev",
        "trec_microblog_2011",
        "trec_microblog_2012",
    )
    texts: dict[str, str] = {}
    for file in files:
        for row in read_rows(data / f"{file}.jsonl.gz"):
            text = row.get("tweet") or row["text"]
            if len(text.split()) >= LEAST_WORDS:
                texts.setdefault(" ".join(text.casefold().split()), text)
    found = list(texts.values())
    random.Random(1).shuffle(found)
    return found[:limit]


def measure(make: Callable[[], Folder], texts: Sequence[str], show: int) -> dict[str, Any]:
    """One engine over all posts and changes."""
    engine = make()
    start = time.process_time()
    first = engine.fold(texts, "a")
    figures: dict[str, Any] = {"us_a_post": (time.process_time() - start) / len(texts) * 1e6}
    merged = [(at, origin - 1) for at, origin in enumerate(first) if origin != at + 1]
    likeness = [jaccard(texts[at], texts[origin]) for at, origin in merged]
    pairs = len(texts) * (len(texts) - 1) / 2
    figures["folded"] = len(merged)
    figures["false_merges_per_million_pairs"] = sum(one < 0.5 for one in likeness) / pairs * 1e6
    figures["false_share_of_folded"] = sum(one < 0.5 for one in likeness) / max(1, len(merged))
    for at, origin in random.Random(2).sample(merged, min(show, len(merged))):
        print(f"{jaccard(texts[at], texts[origin]):.2f}  {texts[origin]!r}\n      {texts[at]!r}")
    for name, change in (COPIES | OTHERS).items():
        dice = random.Random(3)
        changed = [(at, made) for at, text in enumerate(texts) if (made := change(text, dice))]
        engine = make()
        before = engine.fold(texts, "a")
        start = time.process_time()
        after = engine.fold([made for _, made in changed], "b")
        if "us_a_post_warm" not in figures:
            figures["us_a_post_warm"] = (time.process_time() - start) / len(changed) * 1e6
        same = sum(before[at] == origin for (at, _), origin in zip(changed, after, strict=True))
        figures[name] = same / max(1, len(changed))
    return figures


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--posts", type=int, default=40_000)
    parser.add_argument("--show", type=int, default=0, help="print N of the folded pairs")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")

    texts = load(args.data, args.posts)
    print(f"{len(texts):,} posts")
    with tempfile.TemporaryDirectory(prefix="myna-origins-") as folder:
        made = iter(range(1_000))

        def ours() -> Folder:
            place = Path(folder) / str(next(made))
            place.mkdir()
            return Ours(place)

        results = {"myna": measure(ours, texts, args.show), "equal text": measure(Equal, texts, 0)}
        if importlib.util.find_spec("datasketch"):
            some = texts[:2_000]
            results["datasketch, 2,000"] = measure(DataSketch, some, 0)
            results["myna, 2,000"] = measure(ours, some, 0)
    print_table(
        [
            {"": name, **{engine: figures[name] for engine, figures in results.items()}}
            for name in results["myna"]
        ]
    )
    print(f"Recall of {', '.join(COPIES)}; folded though another statement: {', '.join(OTHERS)}.")
    if args.json:
        args.json.write_text(json.dumps({"posts": len(texts), "engines": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
