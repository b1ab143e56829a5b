"""What people see of a long preparation."""

from __future__ import annotations

import io

from rich.console import Console

from myna.cli.progress import shown_progress


def shown(*, terminal: bool) -> str:
    """What is written while two steps are done."""
    out = io.StringIO()
    with shown_progress(Console(file=out, force_terminal=terminal, width=80)) as progress:
        for done in range(0, 101, 10):
            progress("Fetching the model", done, 100)
        progress("Loading the demo network", 0, 0)
        progress("Checking what is there", 9, 9)
    return out.getvalue()


def test_a_log_has_one_line_a_step_that_has_to_be_done() -> None:
    assert shown(terminal=False) == "Fetching the model …\nLoading the demo network …\n"


def test_a_terminal_has_bars() -> None:
    assert "100%" in shown(terminal=True)
