"""Which sites a post links to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.links import domains_of, fold_domain


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://www.Example.org/a?b#c", "example.org"),
        ("example.org:8080", "example.org"),
        ("https://ann:secret@example.org/", "example.org"),
        ("https://xn--mnchen-3ya.de/rathaus", "münchen.de"),
        ("MÜNCHEN.de", "münchen.de"),
        ("xn--e1afmkfd.xn--p1ai", "пример.рф"),
        ("xn--\u00fc.de", "xn--ü.de"),
    ],
)
def test_hosts(address: str, host: str) -> None:
    assert fold_domain(address) == host


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("see https://help.Ubuntu.com/a,", {"help.ubuntu.com", "ubuntu.com"}),
        ("read example.com/long/path today", {"example.com"}),
        ("(blog.example.co.uk)", {"blog.example.co.uk", "example.co.uk", "co.uk"}),
        ("auf münchen.de steht es", {"münchen.de"}),
        ("смотри на яндекс.рф", {"яндекс.рф"}),
        ("東京はhttps://example.jpを見て", {"example.jp"}),
        ("mail ann@example.com", set()),
        ("@ann.bsky.social said", set()),
        ("edit setup.py and README.md in node.js, e.g. v1.2.3", set()),
        ("that is it.it works.no more", set()),
    ],
)
def test_links_with_and_without_scheme(text: str, domains: set[str]) -> None:
    assert domains_of(text) == domains


@given(st.text())
def test_any_text_and_any_address_will_do(text: str) -> None:
    assert "" not in domains_of(text + ".com " + text)
    assert "/" not in fold_domain(text)
