"""Demonstration of proof of possession (RFC 9449): each request for a token is signed with a key that
lives as long as the login, in ES256 as AT Protocol wants it."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from myna.feeds.pkce import encoded

_COORDINATE_BYTES = 32


class Key:
    """A key on the curve P-256."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def make(cls) -> Key:
        """A fresh one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def read(cls, pem: str) -> Key:
        """What ``pem`` gave."""
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        return cls(private)

    def pem(self) -> str:
        """The key as text; a secret."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def proof(self, verb: str, address: str, nonce: str = "") -> str:
        """A signed statement (a JWT) that the holder of this key asks for this now; ``nonce`` is what
        the server gave for it."""
        told: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": verb,
            "htu": address,
            "iat": int(time.time()),
        }
        if nonce:
            told["nonce"] = nonce
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._public()}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, told))
        der = self._private.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{signed}.{encoded(_number(r) + _number(s))}"

    def _public(self) -> dict[str, str]:
        point = self._private.public_key().public_numbers()
        x, y = encoded(_number(point.x)), encoded(_number(point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _number(value: int) -> bytes:
    return value.to_bytes(_COORDINATE_BYTES, "big")
