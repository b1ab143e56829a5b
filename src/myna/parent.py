"""A process that does not outlive the one that started it, not even where that is killed."""

from __future__ import annotations

import os
import signal
import sys

PARENT = "MYNA_PARENT"
"""The environment variable in which a parent gives its number to a child that is to end with it."""


def stop_with_parent() -> bool:
    """Let the kernel send SIGTERM to this process when its parent dies (Linux; else nothing), where
    the parent wants that. Whether it does.

    Raises:
        SystemExit: the parent is dead already.
    """
    parent = os.environ.get(PARENT)
    if parent and sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
        if os.getppid() != int(parent):
            raise SystemExit(0)
    return bool(parent)
