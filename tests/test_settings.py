"""Settings: where values come from, and how a bad one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.errors import ConfigurationError
from myna.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MYNA_{name.upper()}", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "myna.toml").write_text("port = 9001\ndemo_pace = 3.0\n")
    monkeypatch.setenv("MYNA_PORT", "9002")
    settings = load_settings()
    assert settings.port == 9002
    assert settings.demo_pace == 3.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MYNA_PORT", "99999"),
        ("MYNA_DATABASE_URL", "mysql://root:hunter2@somewhere/db"),
        ("MYNA_MODEL_URL", "localhost:11434"),
        ("MYNA_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named_but_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "myna.toml").write_text("port = = 1")
    with pytest.raises(ConfigurationError, match=r"myna\.toml"):
        load_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_MODEL_KEY", "sk-hunter2")
    monkeypatch.setenv("MYNA_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1/x")
    settings = load_settings()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump())
