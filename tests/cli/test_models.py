"""``myna models`` as people and scripts run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.errors import InvalidRequest, ModelFileError
from myna.models.files import model_path
from myna.models.registry import DEFAULT, MODELS, find_model
from myna.settings import Settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MYNA_MODEL_URL", "MYNA_MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setenv("MYNA_MODEL_THREADS", "2")
    return tmp_path


def run(*words: str) -> str:
    outcome = CliRunner().invoke(build_app("models"), ["models", *words])
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0
    return outcome.stdout


def test_the_list_names_every_model_and_what_it_costs() -> None:
    lines = run("list").splitlines()
    assert next(line for line in lines if line.startswith("* ")).split()[1] == DEFAULT
    for model in MODELS:
        line = next(line for line in lines if line[2:].startswith(model.name))
        assert model.licence in line
    rows = json.loads(run("list", "--json"))["models"]
    assert [row["name"] for row in rows] == [model.name for model in MODELS]
    assert not any(row["here"] for row in rows)
    assert [row["name"] for row in rows if row["in_use"]] == [DEFAULT]
    assert rows[0]["first_word_s"] < 2 < 20 < rows[-1]["first_word_s"]


def test_a_server_elsewhere_is_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_MODEL_URL", "http://127.0.0.1:9/v1")
    assert "MYNA_MODEL_URL is set" in run("list")
    assert not any(row["in_use"] for row in json.loads(run("list", "--json"))["models"])


def test_a_model_that_is_not_here_cannot_be_used() -> None:
    with pytest.raises(ModelFileError, match=f"myna models pull {MODELS[1].name}"):
        run("use", MODELS[1].name)
    with pytest.raises(InvalidRequest, match=DEFAULT):
        run("use", "gpt-17")


def test_a_wrong_local_file_is_refused(home: Path) -> None:
    wrong = home / "wrong.gguf"
    wrong.write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="SHA-256 differs"):
        run("pull", DEFAULT, "--from", str(wrong))
    assert not model_path(Settings(home=home), find_model(DEFAULT)).exists()


@pytest.mark.model
def test_a_model_comes_from_a_local_path_and_can_be_used(home: Path, model_home: Path) -> None:
    file = model_path(Settings(home=model_home), find_model(DEFAULT))
    assert "is here" in run("pull", "--from", str(file))
    assert DEFAULT in run("use", DEFAULT)
