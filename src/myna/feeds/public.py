"""Which addresses may be asked that somebody else has named."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def is_public(address: str) -> bool:
    """Whether it is an https address whose name leads to public addresses alone: so nobody has this
    machine ask its own network. (A name that leads elsewhere a moment later does not have the
    certificate.)"""
    try:
        parts = urlsplit(address)
        port = parts.port or 443
    except ValueError:
        return False
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        return False
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(one[4][0]).is_global for one in found)
