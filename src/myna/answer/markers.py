"""Takes out of a model's stream what is not its answer: reference markers of its own, the tokens
of chat templates, and thoughts. Pure.

Markers are Myna's to set, by what the posts say (``evidence``): a model's own are not to be
trusted. At most a few characters are held back, so that half a marker is never shown. In code
(between backticks) brackets are left alone; template tokens go everywhere.
"""

from __future__ import annotations

import regex

_NUMBERS = r"\d{1,3}(?: ?[,;–-] ?\d{1,3}){0,7}"
_NAME = r"(?:posts?|sources?|ref|message|réf)\.? ?#?"
_TOKEN = regex.compile(r"<\|[a-z_]{2,24}\|>", regex.IGNORECASE)
_MARKER = regex.compile(
    rf"[ \t]*(?:\[\^?(?:{_NAME})?{_NUMBERS}\]|【[^】\n`]{{1,24}}】"
    rf"|[(\[](?:see )?{_NAME}{_NUMBERS}[)\]]|<\|[a-z_]{{2,24}}\|>)",
    regex.IGNORECASE,
)
_PARTS = regex.compile(r"`+|\n|[^`\n]+")
_TICKS = regex.compile(r"`+\Z")
_THINK, _END_THINK = "<think>", "</think>"


class Cleaner:
    """Takes a model's text piece by piece and gives what may be shown."""

    def __init__(self) -> None:
        self._held = ""
        self._in_fence = False
        self._in_code = False
        self._begun = False
        self._thinking = False

    def feed(self, delta: str) -> str:
        """What can be shown now ("" while everything is held back)."""
        return self._take(self._held + delta, final=False)

    def finish(self) -> str:
        """The rest: the model writes no more."""
        return self._take(self._held, final=True)

    def _take(self, text: str, *, final: bool) -> str:
        self._held = ""
        if not self._begun or self._thinking:
            text = self._without_thoughts(text, final=final)
        shown = list[str]()
        parts = _PARTS.findall(text)
        for index, part in enumerate(parts):
            last = index == len(parts) - 1 and not final
            if part[0] == "`":
                if last:
                    self._held = part  # more backticks may follow
                    break
                if len(part) >= 3:
                    self._in_fence, self._in_code = not self._in_fence, False
                elif not self._in_fence:
                    self._in_code = not self._in_code
            elif part == "\n":
                self._in_code = False
            else:
                marker = _TOKEN if self._in_fence or self._in_code else _MARKER
                kept = _removed(marker, part)
                if last and (held := marker.search(kept, partial=True)):
                    self._held, kept = kept[held.start() :], kept[: held.start()]
                shown.append(kept)
                continue
            shown.append(part)
        return "".join(shown)

    def _without_thoughts(self, text: str, *, final: bool) -> str:
        """Leave out a leading ``<think>…</think>``; "" while it is not known or goes on."""
        if not self._thinking:
            stripped = text.lstrip()
            if not final and len(stripped) < len(_THINK) and _THINK.startswith(stripped):
                self._held = stripped
                return ""
            self._begun = True
            if not stripped.startswith(_THINK):
                return stripped
            self._thinking, text = True, stripped
        place = text.find(_END_THINK)
        if place < 0:
            self._held = "" if final else text[-len(_END_THINK) + 1 :]
            return ""
        self._thinking, self._begun = False, False  # what follows begins anew
        return self._without_thoughts(text[place + len(_END_THINK) :], final=final)


def _removed(marker: regex.Pattern[str], text: str) -> str:
    """``text`` without markers, those included that only the removal of others puts together."""
    while (cleaned := marker.sub("", text)) != text:
        text = cleaned
    return text
