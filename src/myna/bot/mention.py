"""What a post that mentions Myna asks. Pure.

Who writes nothing but "stop" (or so in another language) is answered no more, until "start".
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Literal

_STOP_WORDS = (
    "stop|stop it|please stop|unsubscribe|opt out|leave me alone|go away|quiet|shut up|mute|"
    "stopp|hör auf|aufhören|schluss|lass mich in ruhe|arrête|arrete|arrêtez|tais-toi|laisse-moi|"
    "para|basta|cállate|callate|déjame en paz|dejame en paz|pare|parar|chega|cale-se|smettila|"
    "fermati|zitto|ophouden|hou op|stop ermee|przestań|przestan|dość|стоп|хватит|замолчи|"
    "перестань|зупинись|досить|dur|kes|yeter|sus|توقف|اسكت|עצור|די|बंद करो|रुको|やめて|やめろ|停止|停|"
    "别说了|閉嘴|闭嘴|그만|멈춰|หยุด|dừng|dừng lại|berhenti|sluta|lopeta|hold op|slutt"
)
_START_WORDS = "start|resume|continue|weiter|reprends|sigue|continua|старт|продолжай|再開|继续"
_STOP = frozenset(_STOP_WORDS.split("|"))
_START = frozenset(_START_WORDS.split("|"))
Wish = Literal["stop", "start"]
_LONGEST_QUESTION = 2_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is left of a post without the mention."""

    text: str
    wish: Wish | None = None

    @property
    def key(self) -> bytes:
        """Equal for questions in the same words."""
        folded = unicodedata.normalize("NFKC", self.text).casefold()
        words = "".join(one if one.isalnum() else " " for one in folded).split()
        return hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()


def asked(text: str) -> Asked:
    """What a text without its mention asks."""
    left = " ".join(text.split())[:_LONGEST_QUESTION].strip()
    return Asked(left, _wish(left))


def _wish(text: str) -> Wish | None:
    said = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    said = said.strip(" .!?…,;:-–—()\"'“”¡¿。！、🛑✋🙏")
    if said in _STOP:
        return "stop"
    return "start" if said in _START else None
