"""Examples of grounded answers: made alike each time, of the willing alone, and taken out again."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myna.answer.prompt import small_prompt
from myna.cli import build_app
from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.errors import Conflict, InvalidRequest
from myna.post import Author, Event, Kind, Post, Use
from myna.safety.consent.ledger import choose
from myna.train.benchmarks import Benchmarks
from myna.train.compose import make_examples
from myna.train.corpus import WINDOW
from myna.train.examples import Examples, Made
from myna.train.files import read_file, read_store
from myna.train.grounded import examples_of, texts_of
from myna.train.hashes import author_hash
from myna.train.make import forget_withdrawn
from myna.train.provenance import forget, who_saw
from myna.train.rewards import idf_of, refusal_in, reward
from myna.train.shards import SHARD_TOKENS, Writer, open_rows, open_tokens
from myna.train.spans import add_span
from tests.train.threads import pieces, rows, write_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THREADS = 80


@pytest.fixture(scope="module")
def made() -> list[Made]:
    return list(examples_of(pieces(rows(THREADS))))


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "posts.jsonl", rows(THREADS))


def test_the_recipe_gives_answers_and_refusals(made: list[Made]) -> None:
    assert len(made) > THREADS // 2
    answers = [one.example for one in made if one.example.cites]
    refusals = [one.example for one in made if not one.example.cites]
    assert answers and refusals
    for example in answers:
        [cited] = example.cites
        told = {told.number: told for told in example.posts}
        assert f"[{cited}]" in example.answer
        assert re.sub(r" \[\d\]", "", example.answer) in told[cited].text
    for example in refusals:
        assert example.answer == refusal_in("en")
        assert example.posts


def test_every_answer_is_right_and_each_worse_one_is_worse(made: list[Made]) -> None:
    idf = idf_of(texts_of(one.example for one in made))
    kinds = 0
    for one in made:
        example = one.example
        assert reward(example, example.answer, idf) > 0.95
        assert all(reward(example, worse, idf) < 0.95 for worse in example.worse)
        kinds += len(example.worse)
    assert kinds > 2 * len(made)


def test_prompts_are_those_of_the_product_and_name_nobody(made: list[Made]) -> None:
    for one in made:
        example = one.example
        assert example.prompt[1][1].startswith("Posts:\n")
        assert f"Question: {example.question}\n" in example.prompt[1][1]
        shown = small_prompt(example.question, example.sources, lambda _: 1.0, 10_000)
        assert shown[1].content == example.prompt[1][1]
        assert not re.search(r"asker|helper|other\d", example.prompt[1][1] + example.answer)


def test_all_whose_words_are_in_it_are_named_by_their_hashes(made: list[Made]) -> None:
    by_text = {
        piece.text.partition(": ")[2] or piece.text: piece for piece in pieces(rows(THREADS))
    }
    for one in made:
        words = [told.text for told in one.example.posts]
        words += [told.above[1] for told in one.example.posts if told.above]
        for text in words:
            assert author_hash("net", by_text[text].author) in one.authors


def test_the_same_posts_give_the_same_set_whoever_makes_it(tmp_path: Path, posts: Path) -> None:
    sources = [partial(read_file, posts, "CC0")]
    one, tally = make_examples(tmp_path / "one", sources, Benchmarks())
    two, _ = make_examples(tmp_path / "two", sources, Benchmarks(), workers=2)
    assert one.fingerprint == two.fingerprint
    assert tally.documents == len(Examples(tmp_path / "one", rows=1)) > tally.refusals > 0


def test_a_maker_that_was_killed_goes_on(
    tmp_path: Path, posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.train.compose.WINDOW", 60)
    sources = [partial(read_file, posts, "CC0")]
    whole, _ = make_examples(tmp_path / "whole", sources, Benchmarks(), shard_bytes=4_000)
    assert len(whole.shards) > 2

    class Killed(Exception):
        pass

    def close(self: Writer, *told: object, **more: object) -> None:
        if len(self.index.shards) == 2:
            raise Killed
        closed(self, *told, **more)  # type: ignore[arg-type]

    closed = Writer.close_shard
    monkeypatch.setattr(Writer, "close_shard", close)
    with pytest.raises(Killed):
        make_examples(tmp_path / "set", sources, Benchmarks(), shard_bytes=4_000)
    monkeypatch.setattr(Writer, "close_shard", closed)
    again, _ = make_examples(tmp_path / "set", sources, Benchmarks(), shard_bytes=4_000)
    assert again.fingerprint == whole.fingerprint


def test_steps_read_each_example_once_and_say_which(tmp_path: Path, posts: Path) -> None:
    make_examples(
        tmp_path / "s", [partial(read_file, posts, "CC0")], Benchmarks(), shard_bytes=9_000
    )
    found = Examples(tmp_path / "s", rows=4, seed=3)
    count = len(found)
    steps = -(-count // 4)
    order = found.order(0, steps).tolist()
    assert sorted(order[:count]) == list(range(count))
    assert found.order(2, 5).tolist() == order[8:20]
    assert found.order(0, 3 * steps).tolist()[: len(order)] == order
    seen = sum(len(read.rows) for read in found.seen(1, 3))
    assert seen == len(set(order[4:12]))


def test_a_refused_row_and_one_without_a_licence_are_in_no_example(tmp_path: Path) -> None:
    told = rows(THREADS)
    for row in told:
        row["consent"] = {"train": "no"} if row["author"] == "helper3" else {}
    path = write_rows(tmp_path / "p.jsonl", told)
    make_examples(tmp_path / "s", [partial(read_file, path, "CC0")], Benchmarks())
    texts = " ".join(str(one) for one in Examples(tmp_path / "s", rows=1).all)
    assert "station at the green" not in texts
    assert author_hash("p.jsonl", "helper3") not in _authors(tmp_path / "s")
    make_examples(tmp_path / "none", [partial(read_file, path)], Benchmarks())
    with pytest.raises(InvalidRequest, match="has no example"):
        Examples(tmp_path / "none", rows=1)


def test_what_is_measured_with_is_in_no_example(tmp_path: Path, posts: Path) -> None:
    secret = rows(1)[1]["text"].partition(": ")[2]
    make_examples(tmp_path / "s", [partial(read_file, posts, "CC0")], Benchmarks([secret]))
    assert all(secret not in str(one) for one in Examples(tmp_path / "s", rows=1).all)


def test_only_the_willing_of_the_store_and_none_who_withdrew(db: Database, tmp_path: Path) -> None:
    events = [
        Event(
            Kind.CREATE,
            "net",
            row["id"],
            Post(
                "net",
                row["id"],
                Author("net", row["author"], row["author"]),
                row["text"],
                NOW + timedelta(seconds=number),
                reply_to=row.get("reply_to"),
            ),
        )
        for number, row in enumerate(rows(THREADS))
    ]
    willing = {event.post.author.id for event in events if event.post}
    willing -= {f"helper{n}" for n in range(0, THREADS, 2)}
    with db.begin() as conn:
        apply_events(conn, events, now=NOW)
        for author in sorted(willing):
            choose(conn, ("net", author), Use.TRAIN, "yes", by="member", now=NOW)
    folder = tmp_path / "s"
    index, _ = make_examples(folder, [partial(read_store, db)], Benchmarks())
    authors = _authors(folder)
    assert authors and authors <= {author_hash("net", author) for author in willing}
    assert forget_withdrawn(db, folder, index) == 0
    gone = f"helper{next(n for n in range(1, THREADS, 2) if _has(folder, f'helper{n}'))}"
    with db.begin() as conn:
        choose(conn, ("net", gone), Use.TRAIN, "no", by="member", now=NOW)
    assert forget_withdrawn(db, folder, index) > 0
    assert not _has(folder, gone)


def test_forgetting_covers_a_set_and_says_which_steps_read_it(tmp_path: Path, posts: Path) -> None:
    folder, run = tmp_path / "s", tmp_path / "run"
    run.mkdir()
    make_examples(folder, [partial(read_file, posts, "CC0")], Benchmarks())
    found = Examples(folder, rows=4)
    texts = found.all
    gone = next(n for n in range(THREADS) if _has(folder, f"helper{n}", posts.name))
    hashes = [author_hash(posts.name, f"helper{gone}")]
    add_span(run / "seen.jsonl", found.span(0, 3))
    add_span(run / "seen.jsonl", found.span(3, len(texts) // 4 + 1))
    sights = list(who_saw(run, hashes))
    assert sights
    told = CliRunner().invoke(
        build_app(),
        ["train", "forget", "--author", f"{posts.name}:helper{gone}", "--corpus", str(folder),
         "--run", str(run)],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "may have learnt from them" in told.output
    assert not _has(folder, f"helper{gone}", posts.name)
    assert len(Examples(folder, rows=4)) < len(texts)
    assert list(who_saw(run, hashes)) == sights
    forget(folder, [])
    raw = b"".join(path.read_bytes()[::2] for path in folder.rglob("*.tokens"))
    assert f"the {rows(gone + 1)[-2]['text'].partition(': ')[2]}".encode() not in raw


def test_a_folder_of_something_else_is_refused(tmp_path: Path, posts: Path) -> None:
    Writer(tmp_path / "c", vocabulary=300, tokenizer="t", shard_tokens=SHARD_TOKENS).finish()
    with pytest.raises(Conflict, match="other prompts"):
        make_examples(tmp_path / "c", [partial(read_file, posts, "CC0")], Benchmarks())
    with pytest.raises(InvalidRequest, match="myna train grounded"):
        Examples(tmp_path / "c", rows=1)


def test_the_command_shows_what_it_made(tmp_path: Path, posts: Path) -> None:
    words = ["train", "grounded", str(posts), "--licence", "CC0", "--to", str(tmp_path / "s"),
             "--size", "10", "--workers", "1", "--show", "2"]  # fmt: skip
    told = CliRunner().invoke(build_app(), words)
    assert told.exit_code == 0, told.output
    assert "10 examples" in told.output and told.output.count("Question:") == 2


def test_an_example_survives_the_disk(tmp_path: Path, made: list[Made], posts: Path) -> None:
    index, _ = make_examples(tmp_path / "s", [partial(read_file, posts, "CC0")], Benchmarks())
    for one, other in zip(Examples(tmp_path / "s", rows=1).all, made, strict=True):
        assert one.question == other.example.question
        assert dataclasses.replace(one, prompt=()) == dataclasses.replace(other.example, prompt=())
    assert open_tokens(tmp_path / "s", index, index.shards[0]).max() < 256
    assert WINDOW > 3 * THREADS


def _authors(folder: Path) -> set[int]:
    index = Examples(folder, rows=1).index
    return {int(one) for shard in index.shards for one in open_rows(folder, shard)["author"]}


def _has(folder: Path, author: str, network: str = "net") -> bool:
    return author_hash(network, author) in _authors(folder)
