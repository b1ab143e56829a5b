"""Signing in with an account of the AT network: OAuth with pushed requests, PKCE and DPoP, for the scope
``atproto`` alone, which says who it is and opens nothing.

The account's DID leads to its server, and that to its authorization server; the token that comes in the
end must be for that DID, from that server. It is revoked at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from myna import __version__
from myna.db.connections import Connected
from myna.errors import InvalidRequest, SourceError
from myna.feeds.bluesky.directory import Directory, resolve
from myna.feeds.bluesky.dpop import Key
from myna.feeds.bluesky.records import is_did
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.pkce import challenge_of, make_verifier
from myna.feeds.signin import NAME, SECONDS, Begun, Client

SCOPE = "atproto"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_ENDPOINTS = (
    "pushed_authorization_request_endpoint",
    "authorization_endpoint",
    "token_endpoint",
)
_REFUSED = "Nobody was signed in. Try again."


@dataclass(frozen=True, slots=True)
class BlueskySignIn:
    """See ``feeds.signin.SignIn``."""

    directory: Directory
    resolver: Server | None
    """Who tells which account a handle leads to."""

    def begin(self, account: str, state: str, client: Client) -> Begun:
        """See ``SignIn.begin``."""
        did = self._did_of(account.strip().removeprefix("@"))
        home = self.directory.host_of(did)
        if home is None:
            raise InvalidRequest("The server of this account is not known, or may not be asked.")
        server = self._authorization_server(home)
        key, verifier = Key.make(), make_verifier()
        form = {
            "client_id": client_id(client),
            "redirect_uri": client.redirect,
            "response_type": "code",
            "scope": SCOPE,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            "login_hint": did,
        }
        told, nonce = _post(server["pushed_authorization_request_endpoint"], form, key, "")
        request = told.get("request_uri")
        if not isinstance(request, str):
            raise SourceError(f"{home.host} does not take the login.")
        query = urlencode({"client_id": form["client_id"], "request_uri": request})
        kept = {
            "did": did,
            "issuer": server["issuer"],
            "token_endpoint": server["token_endpoint"],
            "revocation_endpoint": server["revocation_endpoint"],
            "verifier": verifier,
            "key": key.pem(),
            "nonce": nonce,
        }
        return Begun(f"{server['authorization_endpoint']}?{query}", kept)

    def end(self, kept: Mapping[str, str], answer: Mapping[str, str], client: Client) -> str:
        """See ``SignIn.end``."""
        if answer.get("iss") != kept["issuer"] or not answer.get("code"):
            raise InvalidRequest(_REFUSED)
        key = Key.read(kept["key"])
        form = {
            "client_id": client_id(client),
            "redirect_uri": client.redirect,
            "grant_type": "authorization_code",
            "code": answer["code"],
            "code_verifier": kept["verifier"],
        }
        told, nonce = _post(kept["token_endpoint"], form, key, kept["nonce"])
        if kept["revocation_endpoint"] and isinstance(told.get("access_token"), str):
            given_back = {"client_id": form["client_id"], "token": told["access_token"]}
            with suppress(SourceError):  # it ends by itself soon
                _post(kept["revocation_endpoint"], given_back, key, nonce)
        scopes = str(told.get("scope")).split()
        if told.get("sub") != kept["did"] or SCOPE not in scopes:
            raise InvalidRequest("Another account was signed in than the one that was named.")
        return kept["did"]

    def _did_of(self, account: str) -> str:
        if is_did(account):
            return account
        if self.resolver is None:
            raise InvalidRequest("Name the account by its DID: no server here knows handles.")
        found = resolve(self.resolver, account.lower()) if account else None
        if found is None:
            raise InvalidRequest("No account goes by this handle. Check how it is written.")
        return found

    def _authorization_server(self, home: Server) -> dict[str, str]:
        """Who signs in the accounts of a server: its issuer and its endpoints.

        Raises:
            InvalidRequest: it names one that may not be asked. SourceError: away, or nonsense.
        """
        try:
            issuers = home.fetch("/.well-known/oauth-protected-resource").get(
                "authorization_servers"
            )
            issuer = issuers[0] if isinstance(issuers, list) and issuers else None
            if not isinstance(issuer, str) or not self.directory.may_ask(issuer):
                raise InvalidRequest(f"{home.host} does not say who signs in its accounts.")
            told = Server(issuer).fetch("/.well-known/oauth-authorization-server")
        except Refused:
            raise InvalidRequest(f"Accounts of {home.host} cannot sign in elsewhere.") from None
        found = {name: told.get(name) for name in _ENDPOINTS}
        addresses = [one for one in found.values() if isinstance(one, str)]
        if told.get("issuer") != issuer or len(addresses) < len(_ENDPOINTS):
            raise SourceError(f"{urlsplit(issuer).netloc} does not sign in as AT Protocol says.")
        revoke = told.get("revocation_endpoint")
        if isinstance(revoke, str):
            addresses.append(revoke)
        if not all(map(self.directory.may_ask, {_origin(one) for one in addresses})):
            raise InvalidRequest(f"{home.host} signs in at a server that may not be asked.")
        ends = {"revocation_endpoint": revoke if isinstance(revoke, str) else "", "issuer": issuer}
        return {name: str(one) for name, one in found.items()} | ends


def open_sign_in(connections: Sequence[Connected]) -> BlueskySignIn | None:
    """By a connection's directory; None where it has none."""
    settings = connections[0].settings
    resolver = settings.get("appview") or settings.get("service")
    if not settings.get("plc"):
        return None
    return BlueskySignIn(Directory(settings["plc"]), Server(resolver) if resolver else None)


def client_id(client: Client) -> str:
    """What this Myna is called by authorization servers: the address of its metadata; on the member's
    own machine, which no server reaches, what the protocol has for that.

    Raises:
        InvalidRequest: it is opened under an address that the protocol has no name for.
    """
    parts = urlsplit(client.base)
    if parts.scheme == "https":
        return client.metadata
    if parts.hostname in _LOOPBACK:
        return "http://localhost?" + urlencode({"redirect_uri": client.redirect, "scope": SCOPE})
    if parts.hostname == "localhost":
        port = f":{parts.port}" if parts.port else ""
        raise InvalidRequest(f"Open Myna at http://127.0.0.1{port} to sign in with this network.")
    raise InvalidRequest(
        "Signing in with this network needs an address with https. Set MYNA_PUBLIC_URL."
    )


def metadata_of(client: Client) -> dict[str, Any]:
    """What authorization servers are told of this Myna, under its ``client_id``."""
    return {
        "client_id": client.metadata,
        "client_name": NAME,
        "client_uri": client.base,
        "redirect_uris": [client.redirect],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": SCOPE,
        "token_endpoint_auth_method": "none",
        "application_type": "web",
        "dpop_bound_access_tokens": True,
    }


def _post(
    address: str, form: Mapping[str, str], key: Key, nonce: str
) -> tuple[Mapping[str, Any], str]:
    """What a server answers to a signed form, and the nonce for the next one. One that wants a nonce
    of its own is asked again with that.

    Raises:
        SourceError: it is away or refuses; the text holds nothing of the form.
    """
    answer, fresh = _ask(address, form, key, nonce)
    told = _object(answer)
    if answer.status_code >= 300 and told.get("error") == "use_dpop_nonce" and fresh != nonce:
        answer, fresh = _ask(address, form, key, fresh)
        told = _object(answer)
    if answer.status_code >= 300:
        host = urlsplit(address).netloc
        raise SourceError(f"{host} refuses the login (status {answer.status_code}).")
    return told, fresh


def _ask(
    address: str, form: Mapping[str, str], key: Key, nonce: str
) -> tuple[httpx2.Response, str]:
    headers = {"User-Agent": f"Myna/{__version__}", "DPoP": key.proof("POST", address, nonce)}
    try:
        answer = httpx2.post(address, data=dict(form), headers=headers, timeout=SECONDS)
    except httpx2.HTTPError:
        host = urlsplit(address).netloc
        raise SourceError(f"{host} cannot be reached. See that this machine reaches it.") from None
    return answer, answer.headers.get("DPoP-Nonce", nonce)


def _object(answer: httpx2.Response) -> Mapping[str, Any]:
    with suppress(ValueError):
        told = answer.json()
        if isinstance(told, Mapping):
            return told
    return {}


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
