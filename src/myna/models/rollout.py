"""A new model is taken back when too many of its answers break: what counts, and when it is enough.

Counted in the web process, of the app's and the API's answers, since its start. Only what the model
itself breaks counts: a server that is starting, a store that is away or a stop by the reader does not.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque

from myna.errors import InvalidRequest, ModelError, ModelNotReady
from myna.models.choice import read_choice, roll_back
from myna.settings import Settings
from myna.telemetry import get_logger

LATEST = 20
MOST_BROKEN = 5
"""Of a version's latest answers: one in four."""
NEW_S = 24 * 3600.0
"""A model in use is new for so long after it was chosen; one that is tried is always new."""

log = get_logger("models")


def breaks(fault: BaseException | None) -> bool:
    """Whether an answer's fault is the model's."""
    return isinstance(fault, ModelError) and not isinstance(fault, ModelNotReady)


class Rollout:
    """Watches the answers of one process. Not for threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._latest: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=LATEST))

    def broken(self, version: str, fault: BaseException | None) -> bool:
        """Note how an answer of a version ended; whether that version breaks too often now."""
        latest = self._latest[version]
        latest.append(breaks(fault))
        return latest[-1] and sum(latest) >= MOST_BROKEN

    def take_back(self, version: str) -> bool:
        """Take a version back, if it is new and there is another one; whether that was done."""
        name = version.partition("@")[0]
        now = read_choice(self._settings)
        if self._settings.model_url or self._settings.model_name:
            return False
        if name != now.canary and (name != now.model or time.time() - now.since > NEW_S):
            return False
        why = f"{name}: {MOST_BROKEN} of its latest {LATEST} answers broke off."
        try:
            back = roll_back(self._settings, of=name, why=why)
        except InvalidRequest:
            return False
        self._latest.pop(version, None)
        log.warning("a model was taken back", model=name, now=back.model, reason=why)
        return True
