"""Links in a text, with or without a scheme, and the domains that they lead to. Pure."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"^[a-z][a-z0-9+.\-]*://")
_HOST_END = re.compile(r"[/?#\\]")
_LATIN_END = re.compile(r"\.([a-z0-9\-]+)[^\x00-\x7f][^.]*$")
"""Where words of a script without spaces are joined to an address."""
_TOP_LEVEL = (
    "com org net edu gov info biz dev app blog news social online site wiki cloud page tech store shop "
    "xyz io ai tv fm gg eu uk ca au nz ie de ch fr nl lu dk ee lv lt cz sk hu ro bg gr pt br ar cl mx co "
    "jp kr cn tw hk sg th vn il tr ir ua ru рф"
)
"""Behind these, a bare name is taken for an address: none that is a usual ending of
files, or a word that may follow a full stop without a space."""
_LINK = re.compile(
    r"(?<![A-Za-z0-9])(?:https?://|www\.)[^\s<>()\"“”「」]+"
    r"|(?<![\w@./\-])(?:[\w\-]{1,63}+\.){1,4}(?:" + "|".join(_TOP_LEVEL.split()) + r")"
    r"(?![\w@\-]|\.\w)(?:/[^\s<>()\"]*)?",
    re.IGNORECASE,
)


def fold_domain(address: str) -> str:
    """The host of an address or domain, without www; international names as people read them
    (münchen.de, not xn--mnchen-3ya.de)."""
    host = _HOST_END.split(_SCHEME.sub("", address.strip().lower()), maxsplit=1)[0]
    host = host.rpartition("@")[2].partition(":")[0].replace("。", ".")
    host = _LATIN_END.sub(r".\1", host.removeprefix("www.").strip("."))
    if "xn--" not in host:
        return host
    return ".".join(map(_readable, host.split(".")))


def _readable(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").lower()
    except (UnicodeError, ValueError):
        return label


def domains_of(text: str) -> set[str]:
    """Hosts of a text's links, and the domains above each: help.ubuntu.com and ubuntu.com."""
    domains: set[str] = set()
    if not _has_inner_dot(text):
        return domains
    for match in _LINK.finditer(text):
        labels = fold_domain(match.group()).split(".")
        domains.update(".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))
    return domains - {""}


def _has_inner_dot(text: str) -> bool:
    """Whether a dot stands between two letters or digits, as in every address."""
    at = text.find(".", 1)
    while at > 0:
        if text[at + 1 : at + 2].isalnum() and not text[at - 1].isspace():
            return True
        at = text.find(".", at + 1)
    return False
