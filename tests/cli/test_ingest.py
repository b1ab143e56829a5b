"""``myna ingest`` as people run it: what it prints, what it names, what it leaves."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myna.cli import build_app
from myna.cli.ingest import SHOWN_REJECTIONS
from myna.db.engine import Database
from myna.db.networks import list_networks
from myna.db.posts import counts
from myna.errors import SourceError
from myna.settings import Settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())


def ingest(*arguments: object) -> Result:
    return CliRunner().invoke(build_app("ingest"), ["ingest", *map(str, arguments)])


def archive(path: Path, count: int, *, bad: int = 0) -> Path:
    rows = [
        json.dumps({"id": f"p{n}", "author": "ann", "created_at": n, "text": f"words {n}"})
        for n in range(count)
    ]
    rows += [json.dumps({"id": f"b{n}", "text": "words"}) for n in range(bad)]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    return path


def test_the_table_and_the_second_run(tmp_path: Path, db: Database) -> None:
    path = archive(tmp_path / "my_posts.jsonl.gz", 1500)
    first = ingest(path)
    assert first.exit_code == 0
    assert "my_posts: 1,500 posts read" in first.stdout
    with db.begin() as conn:
        assert counts(conn).networks == {"my_posts": 1500}
        assert [network.name for network in list_networks(conn)] == ["my_posts"]
    second = json.loads(ingest(path, "--json").stdout)
    assert (second["accepted"], second["new"], second["unchanged"]) == (1500, 0, 1500)


def test_bad_lines_are_named_counted_and_skipped(tmp_path: Path, db: Database) -> None:
    result = ingest(archive(tmp_path / "posts", 2, bad=SHOWN_REJECTIONS + 5), "--network", "net")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines[0] == "line 3: lacks author, created_at"
    assert len([line for line in lines if line.startswith("line ")]) == SHOWN_REJECTIONS
    assert lines[-1] == "… and 5 more bad lines"
    assert "rejected            25" in result.stdout
    with db.begin() as conn:
        assert counts(conn).networks == {"net": 2}


def test_a_file_without_a_good_line_names_no_network(tmp_path: Path, db: Database) -> None:
    result = ingest(archive(tmp_path / "posts", 0, bad=2), "--json")
    assert json.loads(result.stdout)["rejected"] == 2
    with db.begin() as conn:
        assert list_networks(conn) == []


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    result = ingest(archive(tmp_path / "posts", 3, bad=1), "--json", "--network", "net")
    facts = json.loads(result.stdout)
    assert facts.pop("seconds") >= 0
    assert facts == {
        "network": "net",
        "accepted": 3,
        "new": 3,
        "edited": 0,
        "deleted": 0,
        "accounts": 0,
        "unchanged": 0,
        "rejected": 1,
        "stopped": False,
    }


def test_standard_input(db: Database) -> None:
    row = {"id": "1", "author": "ann", "created_at": 0, "text": "words"}
    result = CliRunner().invoke(
        build_app("ingest"), ["ingest", "-", "--network", "net"], input=json.dumps(row)
    )
    assert result.exit_code == 0
    with db.begin() as conn:
        assert counts(conn).posts == 1


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    result = ingest(tmp_path / "nothing")
    assert isinstance(result.exception, SourceError)
