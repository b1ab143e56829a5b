"""The one Settings. Every value comes from the environment (``MYNA_…``), from
``$MYNA_HOME/myna.toml``, or from the default here, in this order. ``docs/reference/settings.md``
describes each one, and a test holds that page complete.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from myna.errors import ConfigurationError


def default_home() -> Path:
    """The user's data folder for Myna (``~/.local/share/myna`` on Linux)."""
    return Path(platformdirs.user_data_dir("myna", appauthor=False))


class Settings(BaseSettings):
    """Everything that an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="MYNA_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=default_home)
    """Folder of all data: database, index, models, logs. Default: the user's data folder."""

    host: str = "127.0.0.1"
    """Address that the app listens on. Anything but loopback needs a proxy with TLS before it."""

    port: int = Field(default=8080, ge=1, le=65535)
    """TCP port of the app. Default 8080."""

    public_url: str = ""
    """Address that people use, for links in answers. Default: http://HOST:PORT."""

    database_url: SecretStr = SecretStr("")
    """PostgreSQL to use (postgresql://user:password@host:port/name). Default: an embedded one."""

    model_url: str = ""
    """Base URL of an OpenAI-compatible server (…/v1). Default: the local model server."""

    model_name: str = ""
    """Model to ask for at model_url, or the local model to serve. Default: the one in use."""

    model_key: SecretStr = SecretStr("")
    """API key for model_url."""

    model_context: int = Field(default=0, ge=0)
    """Tokens that the model at model_url reads at most. Default 0: asked of the server, else 8192."""

    model_threads: int = Field(default=0, ge=0)
    """Threads of the local model server. Default 0: the number of cores that this process may use."""

    embedder: str = ""
    """Folder of the model that makes vectors (manifest.json, model.onnx, tokenizer.json). Default:
    the one in the package. After a change the old vectors serve until the new ones are made."""

    demo: bool = True
    """Load and replay the demo network (Ubuntu IRC). Default on."""

    demo_pace: float = Field(default=0.2, ge=0, le=1000)
    """Posts per second at which the demo network is replayed. Default 0.2; 0 stops the replay."""

    retention_days: int = Field(default=0, ge=0, le=36_500)
    """Days that posts are kept, by the time they were posted. Default 0: for ever."""

    retention_gb: float = Field(default=0, ge=0)
    """Gigabytes (10^9 bytes) that posts may take in database and index; the oldest go first.
    Default 0: no limit."""

    purge_hours: float = Field(default=24, ge=0)
    """Hours within which a deleted post's text is physically gone from the disk: from the index's
    files, the vectors, the tables and their log. Default 24; 0: only when `myna index purge` runs."""

    default_refusals: str = "train"
    """Uses of posts that are not made where neither the author nor the author's network says anything
    of them: any of retrieve, quote, embed, train, generate, with commas. Default: train."""

    consent_names: str = ""
    """DIDs and domains by which members may mean this Myna in their network's records, with commas.
    The host of MYNA_PUBLIC_URL is one of them without being named here."""

    bot_per_thread: int = Field(default=3, ge=0, le=100)
    """Replies that the bot gives in one thread of a network at most. Default 3."""

    bot_per_author: int = Field(default=10, ge=0, le=1000)
    """Replies that one author gets of the bot in an hour at most. Default 10."""

    log_level: str = "info"
    """debug, info, warning or error. Posts, names and prompts are not logged at info or above."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("must be debug, info, warning or error")
        return level.lower()

    @field_validator("default_refusals")
    @classmethod
    def _known_uses(cls, uses: str) -> str:
        if unknown := set(_words(uses)) - {"retrieve", "quote", "embed", "train", "generate"}:
            raise ValueError(
                f"must be any of retrieve, quote, embed, train, generate; not {min(unknown)}"
            )
        return uses

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: SecretStr) -> SecretStr:
        value = url.get_secret_value()
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("model_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        home = Path(os.environ.get("MYNA_HOME") or default_home()).expanduser()
        toml = TomlConfigSettingsSource(settings_cls, toml_file=home / "myna.toml")
        return (init_settings, env_settings, toml)

    @cached_property
    def database_dir(self) -> Path:
        """Data folder of the embedded PostgreSQL."""
        return self.home / "postgres"

    @cached_property
    def index_dir(self) -> Path:
        """Text index and vectors: derived, safe to delete while nothing runs."""
        return self.home / "index"

    @cached_property
    def models_dir(self) -> Path:
        """Model files."""
        return self.home / "models"

    @cached_property
    def logs_dir(self) -> Path:
        """Logs of the child processes."""
        return self.home / "logs"

    @cached_property
    def run_dir(self) -> Path:
        """State of the running instance: its children's addresses and process numbers."""
        return self.home / "run"

    @property
    def refused_uses(self) -> frozenset[str]:
        """What ``default_refusals`` names."""
        return frozenset(_words(self.default_refusals))

    @property
    def own_names(self) -> frozenset[str]:
        """DIDs and domains of this Myna, in lower case."""
        host = urlsplit(self.public_url).hostname or ""
        return frozenset({*_words(self.consent_names), host} - {""})

    @cached_property
    def accounts_file(self) -> Path:
        """There while a network is connected with an account for the bot, as of the last start."""
        return self.run_dir / "accounts"

    @cached_property
    def base_url(self) -> str:
        """The address for links, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; a bad value becomes one sentence that names it.

    Raises:
        ConfigurationError: a value is not usable. The value itself is not repeated.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "MYNA_" + "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"{name}: {message}. Set it in the environment or in myna.toml."
        ) from None
    except ValueError as error:  # TOML that cannot be read
        raise ConfigurationError(f"myna.toml cannot be read ({error}). Mend or move it.") from None
