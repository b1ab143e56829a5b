"""From a status's HTML to the text that people read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.feeds.mastodon.markup import text_of

MENTIONS = {"https://other.example/@bo": "bo@other.example"}


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<br>Two<br />Three</p>", "One\nTwo\nThree"),
        ("<p>a &amp; b &lt;c&gt; &#39;d&#39;</p>", "a & b <c> 'd'"),
        ("plain", "plain"),
        ("", ""),
        (
            '<p>See <a href="https://site.example/a/long/path?q=1" rel="nofollow">'
            '<span class="invisible">https://</span><span class="ellipsis">site.example/a/lo</span>'
            '<span class="invisible">ng/path?q=1</span></a></p>',
            "See https://site.example/a/long/path?q=1",
        ),
        (
            '<p><a href="https://site.example/x">the report</a> is out</p>',
            "the report (https://site.example/x) is out",
        ),
        ('<a href="https://site.example/x/y">site.example/x…</a>', "https://site.example/x/y"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        (
            '<p><span class="h-card"><a href="https://other.example/@bo" class="u-url mention">'
            "@<span>bo</span></a></span> hello</p>",
            "@bo@other.example hello",
        ),
        ('<a href="https://other.example/@cy" class="mention">@<span>cy</span></a> hi', "@cy hi"),
        (
            '<p>Look <a href="https://i.example/tags/birds" class="mention hashtag">'
            "#<span>birds</span></a> :blobcat:</p>",
            "Look #birds :blobcat:",
        ),
        (
            '<p class="quote-inline">RE: <a href="https://i.example/1">https://i.example/1</a></p>'
            "<p>So true</p>",
            "So true",
        ),
        ("<ul><li>one</li><li>two</li></ul><p>end</p>", "- one\n- two\n\nend"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        ("<blockquote><p>said</p></blockquote><p>answer</p>", "> said\n\nanswer"),
        ("<pre><code>a  b\n  c</code></pre>", "a  b\n  c"),
        ("<p>a</p><script>alert(1)</script><p>b</p>", "a\n\nb"),
        ("<p>never closed", "never closed"),
        ("<p>many   spaces\n and lines</p>", "many spaces and lines"),
    ],
)
def test_text(markup: str, text: str) -> None:
    assert text_of(markup, MENTIONS) == text


@given(st.text(alphabet="<>/abp \n&;#\"'=!-"))
def test_anything_has_a_text(markup: str) -> None:
    assert isinstance(text_of(markup, {}), str)
