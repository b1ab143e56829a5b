"""The documents are held true: reference pages, links between pages, the README's commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_reference_pages_are_current() -> None:
    result = subprocess.run(
        [sys.executable, "tools/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readme_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    head = text[: text.index("##")]
    assert "make up" in head
    assert "make test" in head


def test_make_targets_named_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z]+)`", page.read_text()):
            assert target in targets, f"{page.name} names make {target}"


def test_no_file_has_outgrown_its_name() -> None:
    for folder in ("src", "web/src", "evals", "tools"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".ts", ".tsx"} and "node_modules" not in path.parts:
                lines = len(path.read_text().splitlines())
                assert lines <= 420, f"{path.relative_to(ROOT)} has {lines} lines: split it"
