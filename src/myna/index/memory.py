"""Memory that a process does not need any more, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

_DONTNEED = 4
_COLLECTED_OBJECTS = 100_000
"""So many new ones that are not gone yet are looked through."""


def spare_collector() -> None:
    """Let Python look for cycles seldom: a batch makes none, but has so many objects at once that
    the looking took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(_COLLECTED_OBJECTS, 20, 20)


def release_memory(folder: Path) -> None:
    """Give back what a backlog needed, about a third of the process: freed heap, which glibc keeps,
    and pages of the files in ``folder`` that are mapped here. Those stay in the system's cache and
    come back when they are read. Does nothing where the system is another."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        system = ctypes.CDLL(None, use_errno=True)
        system.malloc_trim(0)
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, mode, _, _, _, *path = line.split(maxsplit=5)
            if path and mode.endswith("s") and Path(path[0]).is_relative_to(folder):
                start, end = (int(address, 16) for address in span.split("-"))
                size = ctypes.c_size_t(end - start)
                system.madvise(ctypes.c_void_p(start), size, ctypes.c_int(_DONTNEED))
