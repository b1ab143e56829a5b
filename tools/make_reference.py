"""Write ``docs/reference/`` from the code: settings, commands and routes.

    python tools/make_reference.py            write the pages
    python tools/make_reference.py --check    exit 1 if a page is out of date

A test runs the check, so that no setting, flag or route can be without its paragraph.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from typing import Any

import typer.main
from fastapi import FastAPI

from myna.cli import build_app
from myna.settings import Settings
from myna.web.app import create_app

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
MADE = "<!-- Made by tools/make_reference.py from the code. Do not edit. -->\n\n"


def settings_page() -> str:
    """One paragraph a setting: its variable, its default, its comment in the code."""
    lines = [
        MADE + "# Settings\n",
        "Each value comes from the environment, else from `myna.toml` in the home folder (same name",
        "in lower case without `MYNA_`), else from its default.\n",
    ]
    for name, field in Settings.model_fields.items():
        if not field.description:
            raise SystemExit(f"settings.{name} has no docstring: say what it is, unit and default.")
        lines += [f"## `MYNA_{name.upper()}`\n", inspect.cleandoc(field.description) + "\n"]
    return "\n".join(lines)


def _options(command: Any) -> list[str]:
    rows: list[str] = []
    for param in command.params:
        if getattr(param, "hidden", False) or param.name in {"help", "version"}:
            continue
        if param.param_type_name == "argument":
            names = f"`{param.name.upper()}`"
        else:
            names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
        if not param.help:
            raise SystemExit(f"{command.name}: {names} has no help text.")
        rows.append(f"| {names} | {param.help} |")
    return ["| argument | meaning |", "| --- | --- |", *rows, ""] if rows else []


def _commands(command: Any, path: str, lines: list[str]) -> None:
    if command.hidden:
        return
    children = getattr(command, "commands", None)
    if children is None:
        if not command.help:
            raise SystemExit(f"{path} has no help text.")
        lines += [f"## `{path}`\n", inspect.cleandoc(command.help) + "\n", *_options(command)]
        return
    for name, child in sorted(children.items()):
        _commands(child, f"{path} {name}", lines)


def commands_page() -> str:
    """One section a command, with its arguments and options."""
    lines = [MADE + "# Commands\n", "Exit code 0: done; 1: an error, told in one sentence.\n"]
    _commands(typer.main.get_command(build_app()), "myna", lines)
    return "\n".join(lines)


def _parameters(operation: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{one['name']}` ({one['in']}) | {one.get('description', '')} |"
        for one in operation.get("parameters", [])
        if one["in"] != "cookie"
    ]
    return ["| parameter | meaning |", "| --- | --- |", *rows, ""] if rows else []


def routes_page(app: FastAPI) -> str:
    """One section a route, from the same OpenAPI document that the app serves."""
    lines = [
        MADE + "# Routes\n",
        "The full schema of every request and answer is at `/openapi.json`. Errors have OpenAI's",
        'shape: `{"error": {"message", "type", "param", "code"}}`.\n',
    ]
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            description = operation.get("description") or operation.get("summary", "")
            lines += [f"## `{method.upper()} {path}`\n", inspect.cleandoc(description) + "\n"]
            lines += _parameters(operation)
    return "\n".join(lines)


def main() -> int:
    """Write or check the three pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether pages are current")
    check = parser.parse_args().check
    pages = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "routes.md": routes_page(create_app()),
    }
    stale: list[str] = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        path = FOLDER / name
        wanted = text.rstrip() + "\n"
        if path.exists() and path.read_text() == wanted:
            continue
        stale.append(name)
        if not check:
            path.write_text(wanted)
    if check and stale:
        print(f"Out of date: {', '.join(stale)}. Run: python tools/make_reference.py")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
