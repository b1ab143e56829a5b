"""A status is HTML; what is stored is the text that people read. Pure.

Addresses are whole, though instances show them shortened; a mention is ``@name@host`` wherever its
author is at home; custom emoji stay the ``:shortcode:`` that they are written as.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"p", "div", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_HIDDEN = frozenset({"script", "style", "template"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"[ \t]+\n")


def text_of(markup: str, mentions: Mapping[str, str]) -> str:
    """The text of a status. ``mentions`` maps the addresses of mentioned accounts to their whole
    handles, without the ``@``."""
    if "<" not in markup and "&" not in markup:
        return markup.strip()
    reader = _Reader(mentions)
    reader.feed(markup)
    reader.close()
    text = _LINE_ENDS.sub("\n", "".join(reader.out))
    return _BLANK_LINES.sub("\n\n", text).strip()


class _Reader(HTMLParser):
    """Writes text as elements open and close; whatever is not closed ends with the status."""

    def __init__(self, mentions: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._mentions = mentions
        self._links: list[tuple[str, int]] = []
        """Address and place in ``out`` of each link that is open."""
        self._hidden: list[str] = []
        self._quotes = 0
        self._numbers: list[int | None] = []
        """Of each list that is open: the number of its next item, or None for dots."""
        self._whole = 0
        """Depth of elements whose spaces stand as they are."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._hidden or tag in _HIDDEN or _is_repeated(given):
            if tag not in _VOID:
                self._hidden.append(tag)
            return
        if tag == "br":
            self._line()
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.out)))
        elif tag == "li":
            self._item()
        elif tag in _BLOCKS:
            self._block(tag)
            if tag == "blockquote":
                self._quotes += 1
            elif tag == "pre":
                self._whole += 1
            elif tag in {"ul", "ol"}:
                self._numbers.append(1 if tag == "ol" else None)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
            return
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in _BLOCKS:
            if tag == "blockquote":
                self._quotes = max(0, self._quotes - 1)
            elif tag == "pre":
                self._whole = max(0, self._whole - 1)
            elif tag in {"ul", "ol"} and self._numbers:
                self._numbers.pop()
            self._block(tag)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        words = data if self._whole else _SPACES.sub(" ", data)
        if not self._whole and (self._is_line_start() or self.out[-1].endswith(" ")):
            words = words.lstrip()
        if words:
            self._mark()
            self.out.append(words)

    def _end_link(self, address: str, place: int) -> None:
        """A mention gets its whole handle, and a link whose words are not its address gets that."""
        words = "".join(self.out[place:])
        shown = words.strip()
        if shown.startswith("@") and (handle := self._mentions.get(address)):
            self.out[place:] = [f"@{handle}"]
        elif not shown.startswith(("#", "@", "＃")) and _is_web(address):
            self.out[place:] = [address if _stands_for(shown, address) else f"{words} ({address})"]

    def _item(self) -> None:
        self._line()
        self._mark()
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            self.out.append("- ")
        else:
            self.out.append(f"{number}. ")
            self._numbers[-1] = number + 1

    def _line(self) -> None:
        if self.out:
            self.out.append("\n")

    def _block(self, tag: str) -> None:
        if self.out:
            self.out.append("\n" if tag in {"ul", "ol"} else "\n\n")

    def _mark(self) -> None:
        """Mark a line that begins within a quotation."""
        if self._quotes and self._is_line_start():
            self.out.append("> " * self._quotes)

    def _is_line_start(self) -> bool:
        return not self.out or self.out[-1].endswith("\n")


_VOID = frozenset({"br", "img", "hr", "wbr", "input", "meta", "link"})


def _is_repeated(attributes: Mapping[str, str | None]) -> bool:
    """Whether an element repeats the quoted post's address, for programs that know no quotes."""
    return "quote-inline" in (attributes.get("class") or "").split()


def _stands_for(shown: str, address: str) -> bool:
    """Whether what is shown of a link is its address, or a part of it."""
    part = shown.removeprefix("https://").removeprefix("http://").rstrip("…/")
    return not part or ("." in part and part in address)


def _is_web(text: str) -> bool:
    return text.startswith(("https://", "http://"))
