"""Signatures by which requests act for an account: OAuth 1.0a (RFC 5849, HMAC-SHA1). Pure.

Tokens of OAuth 2.0 end after two hours and are renewed by other secrets; these stay until they are
taken back, which is what a program that runs for months needs.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Keys:
    """The four words of an application and an account. None is shown."""

    key: str = field(repr=False)
    key_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_secret: str = field(repr=False)


def authorization(
    keys: Keys, verb: str, url: str, params: Mapping[str, str], *, nonce: str, now_s: int
) -> str:
    """The header of a request. ``params`` are those of the query; a body of JSON is not signed."""
    words = {
        "oauth_consumer_key": keys.key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(now_s),
        "oauth_token": keys.token,
        "oauth_version": "1.0",
    }
    pairs = sorted((_coded(name), _coded(value)) for name, value in {**params, **words}.items())
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join((verb.upper(), _coded(url), _coded(joined)))
    secret = f"{_coded(keys.key_secret)}&{_coded(keys.token_secret)}"
    digest = hmac.new(secret.encode(), base.encode(), hashlib.sha1).digest()
    words["oauth_signature"] = b64encode(digest).decode()
    return "OAuth " + ", ".join(f'{_coded(k)}="{_coded(v)}"' for k, v in sorted(words.items()))


def _coded(text: str) -> str:
    return quote(text, safe="-._~")
