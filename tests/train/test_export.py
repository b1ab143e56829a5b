"""An export of a run of ours: what it has in it, and what its card tells."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from myna.cli import build_app
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.train.checkpoint import checkpoints, read_model
from myna.train.corpus import Filters
from myna.train.export import Request, export
from myna.train.files import read_file
from myna.train.hashes import author_hash
from myna.train.make import make_corpus
from myna.train.model import Config, Transformer
from myna.train.pretrain import Dials, Plan, pretrain
from myna.train.provenance import forget
from myna.train.tokenizer import save_tokenizer, train_tokenizer

WORDS = [
    "printer",
    "driver",
    "kernel",
    "update",
    "screen",
    "sound",
    "battery",
    "cable",
    "network",
    "server",
    "disk",
    "mouse",
]


def post(number: int) -> dict[str, str]:
    one, other = WORDS[number % 12], WORDS[number * 7 % 11]
    text = (
        f"My {one} number {number} stopped when the {other} was changed, so I took another {one}."
    )
    return {"id": str(number), "author": f"author{number % 9}", "text": text, "lang": "en"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer, a corpus of a file, a run of eight steps."""
    folder = tmp_path_factory.mktemp("export")
    posts = folder / "posts.jsonl"
    posts.write_text("".join(json.dumps(post(number)) + "\n" for number in range(400)))
    save_tokenizer(train_tokenizer([post(n)["text"] for n in range(400)], 320), folder / "tok")
    make_corpus(
        folder / "corpus", [partial(read_file, posts, "CC-BY-4.0")], Filters(), folder / "tok"
    )
    plan = Plan(
        corpus=str(folder / "corpus"),
        config=Config(320, 64, 128, 2, 2, 1, 32),
        sequence=64,
        rows=4,
        steps=8,
        matrix_rate=0.02,
        other_rate=0.003,
    )
    pretrain(folder / "run", plan, Dials(save_every=4), lambda now: None, None)
    return folder


def run(*words: str) -> str:
    outcome = CliRunner().invoke(build_app("export"), ["export", *words])
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0
    return outcome.stdout


def test_a_run_becomes_a_folder_that_transformers_loads(place: Path) -> None:
    made = place / "tiny"
    told = run(str(place / "run"), str(made), "--tokenizer", str(place / "tok"),
               "--licence", "Apache-2.0", "--gguf", "q8_0")  # fmt: skip
    assert f"myna models add {made}" in told
    manifest = json.loads((made / "export.json").read_text())
    assert set(manifest["files"]) == {path.name for path in made.iterdir()} - {
        "export.json",
        "README.md",
    }
    ours = Transformer(Config(320, 64, 128, 2, 2, 1, 32))
    read_model(checkpoints(place / "run")[-1], ours)
    theirs = AutoModelForCausalLM.from_pretrained(str(made), dtype=torch.float32)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, ours.state_dict()[name].bfloat16().float())
    assert theirs.generation_config.eos_token_id == [2, 0]
    chat = [{"role": "user", "content": "Hello"}]
    asked = AutoTokenizer.from_pretrained(str(made)).apply_chat_template(chat, tokenize=False)
    assert asked == "<|im_start|>user\nHello<|im_end|>\n"


def test_the_card_tells_sources_licences_and_figures(place: Path) -> None:
    made = export(Request(place / "run", place / "card", "tiny", tokenizer=place / "tok", kinds=()))
    card = (made.folder / "README.md").read_text()
    assert "| file:posts.jsonl (CC-BY-4.0) |" in card
    assert "written by 9 authors" in card
    assert "pretrain, steps 1 to 8, corpus `" in card and "`: 2,048 tokens were read of" in card
    assert "- pretrain: 8 steps, 2,048 tokens; sequence 64, rows 4" in card
    assert "training loss, last steps" in card
    assert "not stated: ask who made it" in card
    assert str(place) not in card + (made.folder / "export.json").read_text()
    assert made.version in card


def test_an_earlier_checkpoint_tells_what_it_saw_and_an_export_hands_it_on(place: Path) -> None:
    early = next(path for path in checkpoints(place / "run") if path.name.endswith("4"))
    made = export(Request(early, place / "early", "tiny", tokenizer=place / "tok", kinds=()))
    assert "4 steps, 1,024 tokens" in (made.folder / "README.md").read_text()
    again = export(Request(made.folder, place / "again", "tiny", kinds=()))
    assert "4 steps, 1,024 tokens" in (again.folder / "README.md").read_text()
    assert again.version == made.version


def test_a_corpus_that_was_rewritten_is_still_counted(place: Path) -> None:
    forget(place / "corpus", [author_hash("posts.jsonl", "author3")])
    made = export(Request(place / "run", place / "less", "tiny", tokenizer=place / "tok", kinds=()))
    card = (made.folder / "README.md").read_text()
    assert "written by 9 authors" in card
    assert "Authors who were taken out of the corpus again: 1." in card


def test_what_is_missing_is_told(place: Path) -> None:
    shutil.copytree(
        place / "run", place / "bare", ignore=shutil.ignore_patterns("tokenizer*.json")
    )  # as runs were before they kept their tokenizer
    with pytest.raises(InvalidRequest, match="--tokenizer FOLDER"):
        run(str(place / "bare"), str(place / "none"))
    save_tokenizer(train_tokenizer(["other words"] * 3, 270), place / "other")
    with pytest.raises(InvalidRequest, match="made with another tokenizer"):
        run(str(place / "run"), str(place / "none"), "--tokenizer", str(place / "other"))
    (place / "empty").mkdir()
    (place / "empty" / "run.json").write_text("{}")
    with pytest.raises(NotFound, match="no whole checkpoint"):
        run(str(place / "empty"), str(place / "none"), "--tokenizer", str(place / "tok"))
    with pytest.raises(Conflict, match="Give a new folder"):
        run(str(place / "run"), str(place / "tok"), "--tokenizer", str(place / "tok"))
    assert not (place / "none").exists()
