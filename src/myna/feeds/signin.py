"""The seam between the member's page and a network's own login (OAuth): to learn who somebody is, and
nothing else.

It has two steps, between which the member's browser is at the network. What the second one needs is
``kept`` by the caller, sealed and for a few minutes. Tokens live within the second step alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from myna.db.connections import Connected

NAME = "Myna"
"""What this program calls itself where a member is asked."""
SECONDS = 10.0
"""Longest wait for an answer of a server."""
_MODULES = {
    "bluesky": "myna.feeds.bluesky.signin",
    "mastodon": "myna.feeds.mastodon.signin",
}
"""Kind of network → the module with its ``open_sign_in``."""


@dataclass(frozen=True, slots=True)
class Client:
    """This Myna, as networks know it."""

    base: str
    """The address at which the member has opened it, without a slash at the end."""
    redirect: str
    """Where the network sends the browser back to."""
    metadata: str
    """Where it says of itself what AT Protocol wants to know of a client."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The first step is done."""

    address: str
    """Where the browser goes now."""
    kept: Mapping[str, str] = field(repr=False)


class SignIn(Protocol):
    """The login of one network."""

    def begin(self, account: str, state: str, client: Client) -> Begun:
        """Make ready for the login of ``account``, as its owner calls it; ``state`` comes back with
        the browser.

        Raises:
            InvalidRequest: there is no such account, or it cannot sign in here. SourceError: a
                server is away or refuses.
        """
        ...

    def end(self, kept: Mapping[str, str], answer: Mapping[str, str], client: Client) -> str:
        """Id of the account that was signed in with, by what the browser brought back.

        Raises:
            InvalidRequest: nobody was signed in. SourceError: a server is away or refuses.
        """
        ...


def offers_sign_in(connection: Connected) -> bool:
    """Whether one can sign in with an account of this network."""
    return connection.kind in _MODULES


def open_sign_in(connections: Sequence[Connected], network: str) -> SignIn | None:
    """The login of a network, by its connections; None where it has none."""
    mine = [one for one in connections if one.network == network and offers_sign_in(one)]
    return import_module(_MODULES[mine[0].kind]).open_sign_in(mine) if mine else None
