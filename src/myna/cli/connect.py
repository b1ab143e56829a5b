"""``myna connect``, ``disconnect`` and ``backfill``: the networks that Myna reads, and its accounts there."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from getpass import getpass
from typing import Annotated, Any

import typer

from myna.errors import ConfigurationError, InvalidRequest
from myna.feeds.networks import Network, Question, kinds, network_of
from myna.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(connect)
    app.command()(disconnect)
    app.command()(backfill)


def connect(
    network: Annotated[str, typer.Argument(help="Kind of network: bluesky, mastodon, x.")],
    choice: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Answer a question beforehand, as --set handle=myna.example. Never a password.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: what is not set has its default.")
    ] = False,
    secret_env: Annotated[
        str | None,
        typer.Option(
            help="Environment variable that holds the password or token; where there are several, "
            "each has its own, as NAME_BEARER."
        ),
    ] = None,
    secret_stdin: Annotated[
        bool,
        typer.Option("--secret-stdin", help="Read the password or token from stdin, one a line."),
    ] = False,
) -> None:
    """Connect a network: ask for what it needs, try it there, and keep it.

    Passwords and tokens are typed unseen, or come from stdin or an environment variable, never
    from an argument. They are stored encrypted; the key is secrets.key in the home folder. A
    running Myna takes the network up within a second.
    """
    if network not in kinds():
        raise InvalidRequest(f"Myna knows these kinds of networks: {', '.join(kinds())}.")
    kind = network_of(network)
    given = _Given(kind, choice or [], ask=not yes and sys.stdin.isatty() and not secret_stdin)
    answers, secrets = given.collect(secret_env, from_stdin=secret_stdin)

    from myna.db.connections import Secret, save_connection
    from myna.db.engine import open_database
    from myna.db.networks import save_network
    from myna.db.vault import Vault

    settings = load_settings()
    secret = Secret(secrets)
    checked = kind.check(answers, secret)
    sealed = checked.secret.seal(Vault(settings.home)) if checked.secret.names() else None
    db = open_database(settings)
    try:
        with db.begin() as conn:
            save_network(conn, checked.known)
            save_connection(
                conn,
                name=checked.name,
                kind=kind.kind,
                settings=checked.settings,
                sealed=sealed,
                now=datetime.now(UTC),
            )
    finally:
        db.dispose()
    print(f"{kind.title} is connected as {checked.name}: {checked.summary}.")
    print("`myna networks` shows what comes in; `myna up` or `myna ingest` runs it.")


def disconnect(
    name: Annotated[str, typer.Argument(help="Name of the connection, as myna networks shows it.")],
) -> None:
    """Forget a network's credentials and read it no more. Its posts stay."""
    from myna.db.connections import delete_connection
    from myna.db.engine import open_database

    db = open_database(load_settings())
    try:
        with db.begin() as conn:
            there = delete_connection(conn, name)
    finally:
        db.dispose()
    if not there:
        raise InvalidRequest(f"“{name}” is not connected. `myna networks` lists what is.")
    print(f"{name} is disconnected. Its posts stay; connecting again goes on where it was.")


def backfill(
    account: Annotated[str, typer.Argument(help="Handle or id of the account.")],
    network: Annotated[str, typer.Option(help="Connected network that it is on.")] = "bluesky",
) -> None:
    """Read all that an account has posted, also before Myna was connected; what it has deleted
    meanwhile is deleted here."""
    from myna.db.connections import find_connection
    from myna.db.engine import open_database

    db = open_database(load_settings())
    try:
        with db.begin() as conn:
            connection = find_connection(conn, network)
        if connection is None:
            raise InvalidRequest(f"“{network}” is not connected. `myna networks` lists what is.")
        applied = network_of(connection.kind).backfill(db, connection, account)
    finally:
        db.dispose()
    print(
        f"{applied.created:,} posts are new, {applied.edited:,} changed, {applied.deleted:,} "
        f"deleted, {applied.unchanged:,} as they were."
    )


class _Given:
    """The answers: set beforehand, asked for, or by default."""

    def __init__(self, kind: Network, choices: list[str], *, ask: bool) -> None:
        self._questions = kind.questions
        self._ask = ask
        self._set: dict[str, str] = {}
        open_questions = {one.name for one in self._questions if not one.secret}
        for choice in choices:
            name, is_set, value = choice.partition("=")
            if not is_set or name not in open_questions:
                raise InvalidRequest(
                    f"--set takes NAME=VALUE with one of {', '.join(sorted(open_questions))}."
                )
            self._set[name] = value.strip()

    def collect(
        self, secret_env: str | None, *, from_stdin: bool
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Answers and secrets, by name."""
        answers: dict[str, str] = {}
        secrets: dict[str, str] = {}
        for question in self._questions:
            if question.needs and not answers.get(question.needs):
                continue
            if question.secret:
                secrets[question.name] = self._secret(question, secret_env, from_stdin)
            else:
                answers[question.name] = self._answer(question)
        return answers, secrets

    def _answer(self, question: Question) -> str:
        if question.name in self._set:
            return self._set[question.name]
        if self._ask:
            shown: dict[str, Any] = {"default": question.default, "show_default": True}
            return str(typer.prompt(question.prompt, **shown)).strip()
        if question.default is None:
            raise InvalidRequest(f"Answer “{question.prompt}” with --set {question.name}=….")
        return question.default

    def _secret(self, question: Question, env: str | None, from_stdin: bool) -> str:
        if env:
            if sum(one.secret for one in self._questions) > 1:
                env = f"{env}_{question.name.upper()}"
            value = os.environ.get(env, "")
        elif from_stdin:
            value = sys.stdin.readline()
        elif self._ask:
            value = getpass(f"{question.prompt}: ")
        else:
            raise InvalidRequest(
                f"{question.prompt} is needed. Give it with --secret-stdin or --secret-env NAME."
            )
        if not value.strip():
            where = f"The environment variable {env}" if env else question.prompt
            raise ConfigurationError(f"{where} is empty.")
        return value.strip()
