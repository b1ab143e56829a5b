"""Signing in with an account of an instance of Mastodon: OAuth, for the right to read who it is.

Any instance will do, for all are one network: Myna makes itself known to it each time, and gives the
token back. An instance can speak for accounts of its own alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from myna.db.connections import Connected
from myna.errors import InvalidRequest, SourceError
from myna.feeds.mastodon.network import NETWORK
from myna.feeds.mastodon.server import Server
from myna.feeds.mastodon.status import BadStatus, author_of
from myna.feeds.pkce import challenge_of, make_verifier
from myna.feeds.public import is_public
from myna.feeds.signin import NAME, Begun, Client

SCOPE = "read:accounts"
_REFUSED = "Nobody was signed in. Try again."


@dataclass(frozen=True, slots=True)
class MastodonSignIn:
    """See ``feeds.signin.SignIn``."""

    known: frozenset[str]
    """Addresses of the connected instances, which may be asked wherever they are."""

    def begin(self, account: str, state: str, client: Client) -> Begun:
        """See ``SignIn.begin``; the account is ``@name@instance``, or the instance alone."""
        server = Server(self._base(account), "")
        told = _object(
            server.post(
                "/api/v1/apps",
                {
                    "client_name": NAME,
                    "redirect_uris": client.redirect,
                    "scopes": SCOPE,
                    "website": client.base,
                },
                {},
            )
        )
        id, secret = told.get("client_id"), told.get("client_secret")
        if not isinstance(id, str) or not isinstance(secret, str):
            raise SourceError(f"{server.host} does not sign in as Mastodon does.")
        verifier = make_verifier()
        query = {
            "response_type": "code",
            "client_id": id,
            "redirect_uri": client.redirect,
            "scope": SCOPE,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        kept = {"base": server.base, "id": id, "secret": secret, "verifier": verifier}
        return Begun(f"{server.base}/oauth/authorize?{urlencode(query)}", kept)

    def end(self, kept: Mapping[str, str], answer: Mapping[str, str], client: Client) -> str:
        """See ``SignIn.end``."""
        if not answer.get("code"):
            raise InvalidRequest(_REFUSED)
        server = Server(kept["base"], "")
        named = {"client_id": kept["id"], "client_secret": kept["secret"]}
        told = _object(
            server.post(
                "/oauth/token",
                {
                    **named,
                    "grant_type": "authorization_code",
                    "redirect_uri": client.redirect,
                    "code": answer["code"],
                    "code_verifier": kept["verifier"],
                },
                {},
            )
        )
        token = told.get("access_token")
        if not isinstance(token, str):
            raise InvalidRequest(_REFUSED)
        try:
            account = _object(
                Server(kept["base"], token).get("/api/v1/accounts/verify_credentials")
            )
            author = author_of(account, NETWORK, server.host).id
        except BadStatus:
            raise SourceError(f"{server.host} does not say who was signed in.") from None
        finally:
            with suppress(SourceError):
                server.post("/oauth/revoke", {**named, "token": token}, {})
        if urlsplit(author).netloc.lower() != server.host.lower():
            raise InvalidRequest(f"{server.host} speaks for an account of another server.")
        return author

    def _base(self, account: str) -> str:
        """The address of an account's instance.

        Raises:
            InvalidRequest: it is none, or may not be asked.
        """
        host = account.strip().rpartition("@")[2].removeprefix("https://").strip("/").lower()
        for base in self.known:
            if urlsplit(base).netloc == host:
                return base
        base = f"https://{host}"
        if not host or urlsplit(base).path or not is_public(base):
            raise InvalidRequest("Name your account as @name@instance.example.")
        return base


def open_sign_in(connections: Sequence[Connected]) -> MastodonSignIn:
    """With the instances that are connected."""
    return MastodonSignIn(frozenset(_bases(connections)))


def _bases(connections: Iterable[Connected]) -> Iterable[str]:
    return (str(one.settings["instance"]).lower() for one in connections)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
