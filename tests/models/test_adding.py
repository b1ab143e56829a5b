"""Adding a model: what is refused, the trial with a real server, and kills in the midst."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from myna.errors import Conflict, InvalidRequest, ModelFileError
from myna.models import adding
from myna.models.added import added_models, named
from myna.models.adding import add_model, remove_model
from myna.models.choice import read_choice, roll_back, try_model, use_model
from myna.models.files import model_path, verify_model
from myna.models.header import read_header
from myna.models.registry import DEFAULT
from myna.settings import Settings

pytest.importorskip("torch")

from myna.train.export import Request, export
from tests.train.random_model import SHAPES, a_model


def quiet(what: str, done: int, total: int) -> None:
    del what, done, total


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", model_url="", model_name="", model_threads=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a tiny model."""
    folder = tmp_path_factory.mktemp("made")
    source = a_model(folder / "model", SHAPES["qwen3"])
    asked = Request(source, folder / "made", "tiny", kinds=("f16", "q8_0"), licence="Apache-2.0")
    return export(asked).folder


def test_an_export_is_added_and_answers(settings: Settings, made: Path) -> None:
    model, trial = add_model(settings, made, quiet)
    assert trial.text.strip() and trial.tokens_per_s > 0
    assert (model.name, model.licence) == ("tiny", "Apache-2.0")
    assert model.context_tokens == 256
    assert model.parameters == 384 * 64 + 3 * (64 * 32 * (4 + 4 + 4) + 3 * 64 * 192 + 192) + 64
    assert verify_model(settings, model).read_bytes() == (made / "tiny-Q8_0.gguf").read_bytes()
    assert added_models(settings) == [model]
    assert read_choice(settings).model == DEFAULT
    assert [path.name for path in settings.models_dir.iterdir() if "fetch" in path.name] == []


def test_a_file_is_added_under_another_name_and_removed(settings: Settings, made: Path) -> None:
    model, _ = add_model(settings, made / "tiny-f16.gguf", quiet, name="mine", licence="MIT")
    assert (model.name, model.licence) == ("mine", "MIT")
    add_model(settings, made / "tiny-f16.gguf", quiet, name="mine")  # the same file again
    with pytest.raises(Conflict, match="--name mine-2"):
        add_model(settings, made / "tiny-Q8_0.gguf", quiet, name="mine")
    with pytest.raises(Conflict, match=DEFAULT):
        add_model(settings, made, quiet, name=DEFAULT)
    use_model(settings, model)
    with pytest.raises(InvalidRequest, match="Choose another one"):
        remove_model(settings, "mine")
    roll_back(settings)
    remove_model(settings, "mine")
    assert not model_path(settings, model).exists()
    with pytest.raises(InvalidRequest, match="no model 'mine'"):
        named(settings, "mine")


def test_what_is_no_model_is_refused(
    settings: Settings, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (made / "tiny-Q8_0.gguf").read_bytes()
    cases = {
        "text.gguf": (b"hello", "no GGUF file"),
        "cut.gguf": (whole[:3000], "damaged or cut short"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match=words):
            add_model(settings, tmp_path / name, quiet)
    with pytest.raises(ModelFileError, match="no file and no folder"):
        add_model(settings, tmp_path / "nothing", quiet)
    with pytest.raises(ModelFileError, match="myna export"):
        add_model(settings, made.parent / "model", quiet)
    with pytest.raises(InvalidRequest, match="--name"):
        add_model(settings, made, quiet, name="A B")
    bare = a_model(tmp_path / "bare", SHAPES["llama"])
    told = json.loads((bare / "tokenizer_config.json").read_text())
    del told["chat_template"]
    (bare / "tokenizer_config.json").write_text(json.dumps(told))
    export(Request(bare, tmp_path / "bare-made", "bare", kinds=("f16",)))
    assert not read_header(tmp_path / "bare-made" / "bare-f16.gguf").chat
    with pytest.raises(ModelFileError, match="no chat template"):
        add_model(settings, tmp_path / "bare-made", quiet)
    other = Path(shutil.copytree(made, tmp_path / "changed"))
    (other / "tiny-Q8_0.gguf").write_bytes((made / "tiny-f16.gguf").read_bytes())
    with pytest.raises(ModelFileError, match="not what its export wrote"):
        add_model(settings, other, quiet)
    monkeypatch.setattr(adding, "MEMORY_BESIDE_BYTES", psutil.virtual_memory().total)
    with pytest.raises(InvalidRequest, match="Add a smaller file"):
        add_model(settings, made, quiet)
    assert added_models(settings) == []


def test_a_model_that_llama_cpp_cannot_serve_does_not_count(
    settings: Settings, made: Path, tmp_path: Path
) -> None:
    """The header is whole and says what is not so: a layer too many."""
    content = (made / "tiny-Q8_0.gguf").read_bytes()
    key = b"qwen3.block_count"
    place = content.index(key) + len(key) + 4
    assert content[place : place + 4] == (3).to_bytes(4, "little")
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(content[:place] + (4).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(ModelFileError, match=r"cannot serve this file\. .*trial\.log"):
        add_model(settings, wrong, quiet)
    assert added_models(settings) == []
    assert not model_path(settings, adding.find_model(DEFAULT)).exists()


def test_a_kill_at_any_moment_leaves_what_was_there(settings: Settings, made: Path) -> None:
    """``models add`` of a second model is killed after growing pauses; the first goes on to count."""
    first, _ = add_model(settings, made, quiet, name="first")
    use_model(settings, first)
    words = [sys.executable, "-m", "myna", "models", "add", str(made), "--name", "second"]
    env = {**os.environ, "MYNA_HOME": str(settings.home), "MYNA_MODEL_THREADS": "1"}
    env |= {"MYNA_MODEL_URL": "", "MYNA_MODEL_NAME": ""}
    killed = 0
    for pause in (0.5, 0.9, 1.2, 1.5, 1.8):
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        assert read_choice(settings).model == "first"
        names = [model.name for model in added_models(settings)]
        assert names in (["first"], ["first", "second"])
        for name in names:
            verify_model(settings, named(settings, name))
    assert killed
    second, _ = add_model(settings, made, quiet, name="second")
    try_model(settings, second, 0.5)
    assert not list(settings.models_dir.glob(".fetch-*"))
    assert read_choice(settings).canary == "second"
