"""What to say in Authorization: found out from the registry's challenge, kept until it runs out.

Basic, and bearer tokens as the distribution project describes them (docs/spec/auth/token.md and oauth.md).
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit, urlunsplit

from pushlive.model.errors import RegistryError
from pushlive.registry import errors, locations
from pushlive.registry.answers import Answer
from pushlive.registry.challenge import Challenge
from pushlive.registry.credentials import Login, is_token

Scopes = frozenset[str]

_CLIENT = "pushlive"
_LEEWAY = 10.0
"""Seconds before its end from which on a token is not used any more."""

_LIFE = 60.0
"""Seconds a token lives when its giver does not say (token.md)."""

_HIDDEN = "…"


class Authorizer:
    """Signs in at one registry. Threads may share it: they wait for one another's tokens.

    `base` is the registry's URL, `name` what people call it. `send` asks without Authorization of its own: a method, a
    URL, headers and a body.
    """

    def __init__(self, base: str, name: str, login: Callable[[], Login | None], send: Callable[..., Answer]) -> None:
        self._base = base
        self._name = name
        self._find = login
        self._send = send
        self._login: Login | None = None
        self._looked = False
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def header(self, scopes: Scopes) -> str | None:
        """What to send for these scopes as far as it is known; None before the registry has asked for anything."""
        with self._lock:
            if self._challenge is None:
                return None
            return self._basic() if self._challenge.scheme == "basic" else self._bearer(scopes)

    def learn(self, challenges: Iterable[Challenge], scopes: Scopes, refused: str | None) -> bool:
        """Take up what a 401 asks for; whether it is worth asking again. `refused` is the Authorization that was sent.

        Raises MachineError where logins cannot be read.
        """
        known = {challenge.scheme: challenge for challenge in challenges}
        with self._lock:
            chosen = known.get("bearer") or known.get("basic")
            if chosen is None:
                return False
            self._challenge = chosen
            if chosen.scheme == "basic":
                return self._basic() not in {None, refused}
            token, _ = self._tokens.get(scopes, ("", 0.0))
            if refused and refused == f"Bearer {token}":
                del self._tokens[scopes]
            return True

    def without_secrets(self, text: bytes) -> bytes:
        """The text, with nothing in it of what was told to get in."""
        tokens = [token for token, _ in list(self._tokens.values())]
        login = self._login or Login()
        packed = (self._basic() or "").removeprefix("Basic ") if self._login else ""
        for secret in filter(None, (packed, login.password, login.identity, login.bearer, *tokens)):
            for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
                text = text.replace(form.encode(), _HIDDEN.encode())
        return text

    def _who(self) -> Login | None:
        if not self._looked:
            self._login, self._looked = self._find(), True
        return self._login

    def _basic(self) -> str | None:
        login = self._who()
        if login is None or not login.username:
            return None
        return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()

    def _bearer(self, scopes: Scopes) -> str:
        token, until = self._tokens.get(scopes, ("", 0.0))
        if time.monotonic() >= until:
            token, life = self._token(scopes)
            self._tokens[scopes] = (token, time.monotonic() + max(life - _LEEWAY, life / 2))
        return f"Bearer {token}"

    def _token(self, scopes: Scopes) -> tuple[str, float]:
        """A new token and how many seconds it lives."""
        login = self._who()
        if login and login.bearer:
            return login.bearer, _LIFE
        assert self._challenge
        realm = self._realm(self._challenge.parameters)
        if login and login.identity:
            return self._exchanged(realm, login, scopes)
        query = [("service", self._service)] if self._service else []
        query += [("scope", scope) for scope in sorted(self._asked(scopes))]
        if login:
            query += [("account", login.username)]
        parts = urlsplit(realm)
        url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(query))))))
        basic = self._basic()
        return self._answered("GET", self._send("GET", url, {"Authorization": basic} if basic else {}, None))

    def _exchanged(self, realm: str, login: Login, scopes: Scopes) -> tuple[str, float]:
        """A token for an identity token (oauth.md, grant_type refresh_token)."""
        form = {"grant_type": "refresh_token", "refresh_token": login.identity, "client_id": _CLIENT}
        form |= {"service": self._service, "scope": " ".join(sorted(self._asked(scopes)))}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._answered("POST", self._send("POST", realm, headers, urlencode(form).encode()))

    def _answered(self, method: str, answer: Answer) -> tuple[str, float]:
        if answer.status != 200:  # noqa: PLR2004
            body = self.without_secrets(answer.body)
            raise errors.refusal(method, answer.url, answer.status, body, registry=self._name)
        token, life = _parsed(answer.body)
        if not token:
            raise RegistryError(
                f"{errors.host(answer.url)} gives no token for {self._name}",
                where=errors.redacted(answer.url),
                remedy=f"Sign in with `docker login {self._name}`.",
            )
        return token, life

    @property
    def _service(self) -> str:
        assert self._challenge
        return self._challenge.parameters.get("service", "")

    def _asked(self, scopes: Scopes) -> Scopes:
        """Ours, and what the challenge named when nothing is ours."""
        assert self._challenge
        theirs = self._challenge.parameters.get("scope", "")
        return scopes or frozenset(filter(None, [theirs]))

    def _realm(self, parameters: Mapping[str, str]) -> str:
        return locations.trusted_realm(self._base, parameters.get("realm", ""))


def _parsed(body: bytes) -> tuple[str, float]:
    try:
        answer: dict[str, Any] = json.loads(body)
        token = answer.get("token") or answer.get("access_token") or ""
        life = float(answer.get("expires_in") or _LIFE)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return "", 0.0
    return (token if isinstance(token, str) and is_token(token) else ""), max(life, 1.0)
