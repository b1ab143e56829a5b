"""Models are measured beside each other, each thing once, and gates say pass or fail."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from myna.cli import build_app
from myna.errors import InvalidRequest, NotFound
from myna.train.canaries import SPACE_BITS, make_canaries, read_canaries
from myna.train.checkpoint import checkpoints
from myna.train.evaluate.chart import bars, lines, nice_above
from myna.train.evaluate.evaluate import evaluate
from myna.train.evaluate.figures import Figure, Measured, Suite
from myna.train.evaluate.gates import Gate, judge, read_gates
from myna.train.evaluate.local import LocalSubject
from myna.train.evaluate.memory import exposure, extraction_suite
from myna.train.evaluate.report import Row, html, markdown
from myna.train.evaluate.subject import NotMeasurable, Subject
from myna.train.evaluate.texts import documents, of_corpus
from myna.train.heldout import HELD_OUT
from tests.train.evaluate.conftest import World


def command(*words: object) -> Result:
    return CliRunner().invoke(build_app("evaluate"), ["evaluate", *map(str, words)])


def test_what_is_remembered_of_a_corpus_shows(world: World, tmp_path: Path) -> None:
    first = checkpoints(world.run)[0]
    words = [f"start={first}", world.run, "--corpus", world.corpus, "--to", tmp_path / "out"]
    words += ["--suite", "bits,canaries,extraction", "--limit", "12"]
    told = command(*words)
    assert told.exit_code == 0, told.output
    lines_ = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").open()]
    figures = {
        (line["model"], one["name"]): one["value"]
        for line in lines_
        for one in line["measured"]["figures"]
    }
    assert figures["start", "bits/all"] > figures["run", "bits/all"] + 0.2
    assert figures["run", "canaries/exposure_64x"] > 15
    assert figures["run", "canaries/told_64x"] == 1.0
    assert figures["start", "canaries/exposure_64x"] < 8
    assert figures["run", "canaries/exposure_64x"] > figures["run", "canaries/exposure_1x"] + 3
    assert figures["start", "extraction/trained"] == 0.0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "held-out loss" in page and "<svg" in page
    assert "| exposure_64x (bits) ↓ |" in (tmp_path / "out" / "report.md").read_text()
    again = command(*words)
    assert again.output.count("is known") == 6
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 6


def test_gates_decide_the_exit_status(world: World, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    words = [world.run, "--corpus", world.corpus, "--to", tmp_path / "out", "--suite", "bits"]
    gates.write_text('["bits/all"]\nmost = 9.0\nworse_by = 0.1\n')
    told = command(*words, "--gates", gates)
    assert told.exit_code == 0, told.output
    gates.write_text('["bits/all"]\nmost = 0.01\n["bits/fr"]\nmost = 9\n')
    told = command(*words, "--gates", gates)
    assert told.exit_code == 3, told.output
    assert "FAIL  run  bits/fr: not measured" in told.output
    assert "| run | bits/all | fail |" in (tmp_path / "out" / "report.md").read_text()


def test_a_gate_may_compare_with_the_first_model() -> None:
    first = {"a/x": Figure("a/x", 0.8, "higher"), "b/y": Figure("b/y", 1.0, "lower")}
    now = {"a/x": Figure("a/x", 0.7, "higher"), "b/y": Figure("b/y", 1.05, "lower")}
    gates = [Gate("a/x", worse_by=0.05), Gate("b/y", worse_by=0.1), Gate("c/z", least=1)]
    assert [one.passed for one in judge(gates, now, first)] == [False, True, False]
    assert "0.1 worse than 0.8" in judge(gates, now, first)[0].why
    assert not judge([Gate("a/x", least=0.1)], {"a/x": Figure("a/x", math.nan)}, first)[0].passed


@pytest.mark.parametrize("text", ["", "[", '["bits/all"]\nmax = 3\n', '["bits/all"]\nmost = "3"\n', "a = 3\n"])  # fmt: skip
def test_a_wrong_file_of_gates_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "gates.toml").write_text(text)
    with pytest.raises(InvalidRequest):
        read_gates(tmp_path / "gates.toml")


def test_likelihoods_are_those_of_the_model_whatever_the_batch(world: World) -> None:
    import torch

    subject = LocalSubject(world.run, "run")
    texts = [one.text for one in of_corpus(world.corpus, 9)]
    assert texts
    together = subject.likelihoods([("", text) for text in texts])
    alone = [subject.likelihoods([("", text)])[0] for text in texts]
    assert [one.nats for one in together] == pytest.approx([one.nats for one in alone], rel=1e-4)
    ids = subject.tokenizer.encode(texts[0]).ids
    logits = torch.log_softmax(subject.model(torch.tensor([ids])).logits[0].detach().double(), -1)
    wanted = -sum(float(logits[at, ids[at + 1]]) for at in range(len(ids) - 1))
    assert together[0].nats == pytest.approx(wanted, rel=1e-4)
    first = len(subject.tokenizer.decode(ids[:1]).encode())
    assert together[0].size == len(texts[0].encode()) - first
    half = len(texts[0]) // 2
    context, rest = texts[0][:half], texts[0][half:]
    parts = subject.likelihoods([("", texts[0]), (context, rest)])
    assert 0 < parts[1].nats < parts[0].nats
    written = subject.write([texts[0][:40], "a"], tokens=8, stop=[" "])
    assert all(" " not in one for one in written)
    (greedy,) = subject.write([texts[0][:40]], tokens=6)
    assert subject.likelihoods([(texts[0][:40], greedy)])[0].greedy


def test_canaries_are_planted_and_known(world: World) -> None:
    canaries = read_canaries(world.corpus)
    assert [one.times for one in canaries] == [1, 4, 16, 64]
    assert canaries == make_canaries(4, _digest(world))
    assert not any("locker" in text for text in documents(world.corpus, world.corpus, most=999))
    assert not any(
        "locker" in text for text in documents(world.corpus / HELD_OUT, world.corpus, most=999)
    )
    with pytest.raises(NotFound, match="--canaries"):
        read_canaries(world.run)


def _digest(world: World) -> str:
    return json.loads((world.corpus / "corpus.json").read_text())["tokenizer"]


def test_exposure_is_the_logarithm_of_the_rank() -> None:
    dice = np.random.default_rng(1)
    others = dice.normal(40, 3, 4000)
    found = [exposure(value, others) for value in dice.normal(40, 3, 800)]
    assert float(np.mean(found)) == pytest.approx(1.44, abs=0.2)
    assert exposure(float(np.quantile(others, 1 / 256)), others) == pytest.approx(8, abs=0.5)
    assert exposure(5.0, others) == SPACE_BITS
    skewed = dice.gamma(4, 3, 20_000)
    assert exposure(float(np.quantile(skewed, 0.25)), skewed) == pytest.approx(2, abs=0.4)


class Fake:
    """A subject that has a name, and knows some documents by heart."""

    label, fingerprint = "fake", "f"

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._known = known

    def write(self, prompts: Sequence[str], **told: object) -> list[str]:
        """The rest of a known document."""
        return [
            next((text[len(one) :] for text in self._known if text.startswith(one)), "no")
            for one in prompts
        ]

    def close(self) -> None:
        """Nothing is held."""


def test_extraction_counts_what_comes_word_for_word(world: World) -> None:
    trained = list(documents(world.corpus, world.corpus, most=99))
    fake: Any = Fake(trained[::2])
    figures = extraction_suite(world.corpus, 99).measure(fake).figures
    assert [one.name for one in figures] == ["extraction/trained", "extraction/held_out"]
    assert figures[0].value == pytest.approx(0.5, abs=0.05)
    assert figures[0].count == len(trained)
    assert figures[1].value == 0.0


def test_what_cannot_be_measured_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def refuse(subject: Subject) -> Measured:
        calls.append(subject.label)
        raise NotMeasurable("The server does not tell.")

    fake: Any = Fake
    monkeypatch.setattr("myna.train.evaluate.evaluate.open_subject", lambda told: fake())
    suites = [
        Suite("bits", "1", refuse),
        Suite("tasks", "1", lambda subject: Measured((Figure("tasks/one", 0.5, "higher"),))),
    ]
    evaluate(["x"], suites, [Gate("bits/all", most=1)], tmp_path)
    rows = evaluate(["x"], suites, [Gate("bits/all", most=1)], tmp_path)
    assert calls == ["fake", "fake"]
    assert rows[0].missing == {"bits": "The server does not tell."}
    assert not rows[0].passed
    assert "bits was not measured" in (tmp_path / "report.md").read_text()
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


def test_plots_are_whole_and_say_no_more_than_they_are_told() -> None:
    drawn = bars([("a<b", [1.0, None]), ("c", [0.0, 3.0])], ["one & two", "three"])
    tree = ElementTree.fromstring(drawn)
    assert len(tree.findall("{http://www.w3.org/2000/svg}rect")) == 3
    ElementTree.fromstring(lines([("run", [(0, 5.0), (10, 4.0)])], "step"))
    assert lines([], "step") == ""
    assert [nice_above(value) for value in (0, 0.7, 1.0, 1.1, 3, 60)] == [0, 1, 1, 2, 5, 100]
    row = Row("a|<b>", {"bits/all": Figure("bits/all", 1.0, "lower")})
    assert "<b>" not in html([row], "now").replace("<b></b>", "")
    assert "a\\|<b>" in markdown([row], "now")


def test_places_that_are_nothing_are_refused(tmp_path: Path) -> None:
    told = command(tmp_path / "none", "--suite", "canaries", "--corpus", tmp_path)
    assert isinstance(told.exception, NotFound)
    told = command(tmp_path, "--suite", "wisdom")
    assert isinstance(told.exception, InvalidRequest)
    told = command(tmp_path, "--suite", "bits")
    assert isinstance(told.exception, InvalidRequest)
