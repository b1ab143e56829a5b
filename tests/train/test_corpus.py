"""A corpus has each thing said once, by people who let it be learnt from, without their data."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as arrow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tokenizers import Tokenizer
from typer.testing import CliRunner

from myna.cli import build_app
from myna.cli.reading import Shown
from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.post import Author, Event, Kind, Post, Use
from myna.safety.consent.ledger import choose
from myna.train import clean
from myna.train import corpus as corpus_room
from myna.train import files as files_room
from myna.train.benchmarks import Benchmarks
from myna.train.clean import luhn, reject, scrub
from myna.train.copies import Copies
from myna.train.corpus import Filters, Tally, clean_all, lay_out
from myna.train.files import Piece, read_file, read_store
from myna.train.hashes import author_hash
from myna.train.make import forget_withdrawn, make_corpus
from myna.train.provenance import forget, who_saw
from myna.train.shards import Reader, open_rows, open_tokens, read_index
from myna.train.spans import add_span, span_of
from myna.train.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOPICS = ["kernel", "printer", "router", "garden", "bicycle", "museum", "harbour", "violin"]


PIECES = ["word", "+49", "030", "(030)", " ", "-", ".", "/", "555", "1234", "4111", "1111", "::", ":",
          "ab:cd", "sk-", "ghp_", "password", "is ", "=", "token", "secret key", "@", "a.b", "192", "168",
          "8.8.8.8", "\u0661\u0662", "ſ", "AKIA", "ABCDEFGHIJ012345", "eyJabcdefgh", "aaaaaaaaaa",
          "2606:2800", "é", "hunter2abc", "[", "]"]  # fmt: skip


def sentence(number: int) -> str:
    dice = np.random.default_rng(number)
    words = [
        f"{TOPICS[dice.integers(8)]}{chr(97 + dice.integers(26))}{chr(97 + dice.integers(26))}"
        for _ in range(9)
    ]
    return "the " + " ".join(words)


def piece(text: str, key: str = "1", thread: str = "", author: str = "ann") -> Piece:
    return Piece(text, key, thread or key, "net", author, None, 3, "store:net")


def rows_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def tok(tmp_path: Path) -> Path:
    save_tokenizer(
        train_tokenizer([sentence(number) for number in range(200)], 400), tmp_path / "tok"
    )
    return tmp_path / "tok"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to ann.lee+x@mail.example.org today", "write to [email] today"),
        ("call +49 30 1234 5678 or (030) 1234567", "call [phone] or [phone]"),
        ("call 555-123-4567 now", "call [phone] now"),
        ("card 4111 1111 1111 1111 expires", "card [card] expires"),
        ("card 4111 1111 1111 1112 expires", "card 4111 1111 1111 1112 expires"),
        (
            "my host is 93.184.216.34 or 2606:2800:220:1:248:1893:25c8:1946",
            "my host is [ip] or [ip]",
        ),
        ("open 127.0.0.1 or 192.168.1.1", "open 127.0.0.1 or 192.168.1.1"),
        ("use ghp_abcdefghijklmnopqrstuvwxyz0123456789", "use [key]"),
        ("password: hunter2secret please", "password: [key] please"),
        ("@ann.bsky.social told me @bob", "@user told me @user"),
        ("on 2026-11-25 version 1.24.3 cost 1,200", "on 2026-11-25 version 1.24.3 cost 1,200"),
    ],
)
def test_personal_data_is_taken_out(text: str, clean: str) -> None:
    assert scrub(text) == clean


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("xis =wordſis ABCDEFGHIJ012345168hunter2abc.b::")
def test_the_looks_that_cost_nothing_change_nothing(text: str) -> None:
    every = text
    if len(text) > 16:
        every = clean._TOLD.sub(r"\1\2[key]", clean._KEY.sub("[key]", every))
        every = clean._LONG.sub(clean._if_key, every) if len(text) >= 32 else every
    every = clean._MENTION.sub("@user", clean._EMAIL.sub("[email]", every))
    if clean._DIGIT.search(every):
        every = clean._IP4.sub(clean._if_address, clean._CARD.sub(clean._if_card, every))
        if every.count(":") > 1:
            every = clean._IP6.sub(clean._if_address, every)
        every = clean._PHONE.sub(clean._if_phone, every)
    assert scrub(text) == every
    assert (reject(text) == "repetition") <= clean._repeats(text)
    assert not clean._RUN.search(text) or clean._repeats(text)


def test_luhn() -> None:
    assert luhn([int(digit) for digit in "79927398713"])
    assert not luhn([int(digit) for digit in "79927398710"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("thanks!", "too short"),
        ("今日は公園でとても美しい桜を見ました", ""),
        ("the printer works again after the update", ""),
        ("12:30 14:50 99.2% 81.3% +++ 33 44 55", "few letters"),
        ("#win #free #prize https://a.example now", "links"),
        ("buy it nowwwwwwwwwwwwwww ok then", "repetition"),
        ("buy now " * 20, "repetition"),
    ],
)
def test_what_says_nothing_is_left_out(text: str, why: str) -> None:
    assert reject(text) == why


def test_a_conversation_is_one_document() -> None:
    texts = list(
        lay_out(
            [
                piece("Does it print?", "1", author="ann"),
                piece("Another matter altogether", "9", author="cy"),
                piece("Yes it does", "2", "1", author="bob"),
                piece("Thank you very much", "3", "2", author="ann"),
            ]
        )
    )
    assert [one.text for one in texts] == [
        "A: Does it print?\nB: Yes it does\nA: Thank you very much",
        "Another matter altogether",
    ]
    assert texts[0].authors == (author_hash("net", "ann"), author_hash("net", "bob"))


def test_copies_are_told_within_and_across_windows() -> None:
    copies = Copies(remembered=64, exact=1024)
    first = sentence(1) + " and " + sentence(2)
    near = first.replace("the ", "a ", 1)

    def take(*texts: str) -> list[tuple[bool, bool]]:
        window = corpus_room.clean_window(
            Filters(), [piece(text, str(n)) for n, text in enumerate(texts)], (0, 0)
        )
        contents = np.array([one.content for one in window.texts], np.uint64)
        exact, other = copies.take(contents, window.lanes, window.bands)
        return list(zip(exact.tolist(), other.tolist(), strict=True))

    assert take(first, sentence(3), first, near) == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
    ]
    assert take(near, first, sentence(4)) == [(False, True), (True, False), (False, False)]


def test_what_is_measured_with_is_not_trained_on() -> None:
    question = "which of the old harbour cranes was painted green in spring"
    marks = Benchmarks([question, "too few"])
    assert marks.touch("He asked: Which of the old harbour cranes was painted, then?")
    assert not marks.touch("which of the old cranes was painted")


def test_the_number_of_processes_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_room, "WINDOW", 20)
    path = rows_file(tmp_path / "p.jsonl", [{"text": sentence(n % 70)} for n in range(100)])
    made: list[list[str]] = []
    for workers in (1, 2):
        tally = Tally()
        kept = clean_all([partial(read_file, path, "CC0")], Filters(), workers=workers, tally=tally)
        made.append([text.text for window in kept for text in window.texts])
        assert tally.rejected["exact copy"] == 30
    assert made[0] == made[1]
    assert len(made[0]) == 70


def test_a_file_needs_a_licence_and_no_refusal(tmp_path: Path) -> None:
    rows = [
        {"text": "one", "licence": "CC0"},
        {"text": "two"},
        {"text": "three", "licence": "CC0", "consent": {"train": "no"}},
    ]
    path = rows_file(tmp_path / "p.jsonl", rows)
    assert [bool(one.source) for _, one in read_file(path)] == [True, False, False]
    assert [bool(one.source) for _, one in read_file(path, "CC0")] == [True, True, False]
    path.write_text("{")
    with pytest.raises(InvalidRequest, match="line 1"):
        list(read_file(path))
    with pytest.raises(InvalidRequest, match="not there"):
        list(read_file(tmp_path / "none.jsonl"))


def test_parquet_is_read_as_json_lines_are(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": sentence(n), "id": n, "author": f"a{n % 3}", "lang": "en", "consent": None}
        for n in range(25)
    ]
    rows[3]["consent"] = {"train": "no"}
    rows[4]["text"] = "日本語の投稿 ☂"
    path = rows_file(tmp_path / "p.jsonl", rows)
    table = tmp_path / "p.parquet"
    parquet.write_table(arrow.Table.from_pylist(rows), table, row_group_size=10)
    read = list(read_file(table, "CC0"))
    places = [(number, *one[:2], *one[4:7]) for number, one in read]
    assert places == [(n, *one[:2], *one[4:7]) for n, one in read_file(path, "CC0")]
    assert [bool(one.source) for _, one in read].count(False) == 1
    table.write_bytes(b"PAR1 and no more")
    with pytest.raises(InvalidRequest, match="as Parquet"):
        list(read_file(table))
    parquet.write_table(arrow.table({"words": ["one"]}), table)
    with pytest.raises(InvalidRequest, match="row 1: give each row a text"):
        list(read_file(table))


def test_a_stopped_maker_goes_on(
    tmp_path: Path, tok: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_room, "WINDOW", 10)
    path = rows_file(tmp_path / "p.jsonl", [{"text": sentence(n)} for n in range(100)])
    sources = [partial(read_file, path, "CC0")]
    whole, _ = make_corpus(tmp_path / "whole", sources, Filters(), tok, shard_tokens=500)
    assert len(whole.shards) > 2

    def stop(tally: Tally, tokens: int) -> None:
        if tally.posts >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_corpus(tmp_path / "cut", sources, Filters(), tok, shard_tokens=500, told=stop)
    assert 0 < len(read_index(tmp_path / "cut").shards) < len(whole.shards)
    again, _ = make_corpus(tmp_path / "cut", sources, Filters(), tok, shard_tokens=500)
    assert again.fingerprint == whole.fingerprint


def say(db: Database, author: str, word: Literal["yes", "no"]) -> None:
    with db.begin() as conn:
        choose(conn, ("net", author), Use.TRAIN, word, by="member", now=NOW)


def test_only_the_willing_of_the_store_and_none_who_withdrew(
    db: Database, tmp_path: Path, tok: Path
) -> None:
    with db.begin() as conn:
        apply_events(
            conn,
            [
                Event(
                    Kind.CREATE,
                    "net",
                    str(n),
                    Post("net", str(n), Author("net", by, by), sentence(n), NOW),
                )
                for n, by in enumerate(["ann", "bob", "cy"] * 5)
            ],
            now=NOW,
        )
    say(db, "ann", "yes")
    say(db, "bob", "yes")
    index, tally = make_corpus(tmp_path / "c", [partial(read_store, db)], Filters(), tok)
    assert tally.documents == 10
    authors = set(open_rows(tmp_path / "c", index.shards[0])["author"].tolist())
    assert authors == {author_hash("net", "ann"), author_hash("net", "bob")}
    assert forget_withdrawn(db, tmp_path / "c", index) == 0
    say(db, "bob", "no")
    assert forget_withdrawn(db, tmp_path / "c", index) == 5
    now = read_index(tmp_path / "c")
    assert set(open_rows(tmp_path / "c", now.shards[0])["author"].tolist()) == {
        author_hash("net", "ann")
    }


def test_forgetting_tells_who_saw_and_proves_that_none_reads(tmp_path: Path, tok: Path) -> None:
    rows = [{"text": sentence(n), "author": f"a{n % 5}", "id": str(n)} for n in range(60)]
    rows.append({"text": "an answer to the first of them", "author": "a9", "reply_to": "0"})
    path = rows_file(tmp_path / "p.jsonl", rows)
    folder, run = tmp_path / "c", tmp_path / "run"
    run.mkdir()
    make_corpus(folder, [partial(read_file, path, "CC0")], Filters(), tok, shard_tokens=400)
    reader = Reader(folder, sequence=32, rows=2)
    steps = int(reader.steps_an_epoch) + 1
    for start in range(0, steps, 3):
        add_span(run / "seen.jsonl", span_of(reader, start, min(start + 3, steps)))
    nine, one = author_hash(path.name, "a9"), author_hash(path.name, "a1")
    seen = list(who_saw(run, [nine]))
    assert 1 <= len(seen) <= 2  # one document, cut by the end of a span at most once
    secret = [text for text in (row["text"] for row in rows) if text == sentence(1)]
    assert forget(folder, [nine, one]).documents == 13
    after = read_index(folder)
    tokenizer: Tokenizer = load_tokenizer(tok)[0]
    text = "".join(
        tokenizer.decode(open_tokens(folder, after, shard).tolist()) for shard in after.shards
    )
    assert secret[0] not in text
    assert sentence(0) not in text  # it stood in a conversation with a9
    assert sentence(2) in text
    assert list(who_saw(run, [nine])) == seen  # also after the shards are gone
    again = Reader(folder, sequence=32, rows=2)
    read = {
        int(author)
        for part in again.seen(0, 2 * steps)
        for author in open_rows(folder, part.shard)["author"][part.rows]
    }
    assert not read & {nine, one}
    assert forget(folder, [nine]).documents == 0
    with pytest.raises(NotFound, match="record"):
        list(who_saw(tmp_path, [nine]))


def test_the_commands(tmp_path: Path) -> None:
    path = rows_file(
        tmp_path / "p.jsonl",
        [{"text": sentence(n), "author": "ann", "licence": "CC0"} for n in range(80)],
    )
    app, run = build_app("train"), CliRunner()
    tok, made = str(tmp_path / "tok"), str(tmp_path / "c")
    told = run.invoke(
        app, ["train", "tokenizer", str(path), "--size", "400", "--to", tok, "--workers", "1"]
    )
    assert told.exit_code == 0, told.output
    assert "400 tokens" in told.output
    told = run.invoke(
        app, ["train", "corpus", str(path), "--tokenizer", tok, "--to", made, "--workers", "1"]
    )
    assert told.exit_code == 0, told.output
    assert "80 posts, 80 documents" in told.output
    told = run.invoke(app, ["train", "forget", "--author", "p.jsonl:ann", "--corpus", made])
    assert told.exit_code == 0, told.output
    assert "80 documents" in told.output
    told = run.invoke(app, ["train", "forget", "--author", "ann"])
    assert isinstance(told.exception, InvalidRequest)
    with pytest.raises(InvalidRequest, match="no token"):
        Reader(Path(made), sequence=8, rows=1)


def test_progress_is_told_with_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Shown, "EVERY_S", 0.0)
    monkeypatch.setattr(files_room, "TOLD_LINES", 10)
    path = rows_file(tmp_path / "p.jsonl", [{"text": sentence(n)} for n in range(500)])
    with Shown(tmp_path / "to", [path]) as show:
        read = read_file(path, "CC0", show.hears(0))
        for number, _ in enumerate(read, 1):
            if number % 100 == 0:
                show(Tally(number, number, number, Counter({"too short": 3})), 0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[1].startswith("200 posts (") and lines[1].endswith(" s left")
    told = [json.loads(line) for line in (tmp_path / "to" / "progress.jsonl").open()]
    assert [one["step"] for one in told] == [100, 200, 300, 400, 500]
    assert told[-1]["left_out/too short"] == 3
    board = EventAccumulator(str(tmp_path / "to" / "tensorboard")).Reload()
    assert [one.step for one in board.Scalars("documents")] == [100, 200, 300, 400, 500]
    table = tmp_path / "p.parquet"
    parquet.write_table(arrow.table({"text": [sentence(n) for n in range(9)]}), table)
    heard: list[int] = []
    assert len(list(read_file(table, "CC0", heard.append))) == 9
    assert heard == [table.stat().st_size]


def test_another_tokenizer_is_another_corpus(tmp_path: Path, tok: Path) -> None:
    path = rows_file(tmp_path / "p.jsonl", [{"text": sentence(1)}])
    make_corpus(tmp_path / "c", [partial(read_file, path, "CC0")], Filters(), tok)
    save_tokenizer(train_tokenizer([sentence(5)], 300), tmp_path / "tok2")
    with pytest.raises(Conflict, match="another tokenizer"):
        make_corpus(tmp_path / "c", [], Filters(), tmp_path / "tok2")
