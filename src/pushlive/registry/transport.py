"""Requests to one registry: signed in, tried again where that may help, sent on where that is safe."""

from collections.abc import Container, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from urllib.parse import urlsplit

import urllib3

from pushlive.model.errors import RegistryError
from pushlive.registry import challenge, credentials, errors, locations, patience
from pushlive.registry.answers import LARGEST, Answer, read
from pushlive.registry.authorize import Authorizer, Scopes
from pushlive.registry.connections import Body, Connections, discard, speaks_tls
from pushlive.registry.reference import Reference

_HOPS = 5
_MOVED = {301, 302, 303, 307, 308}
_UNAUTHORIZED = 401


class Transport:
    """The way to the registry of a reference. Threads share it."""

    def __init__(self, reference: Reference, *, insecure: bool = False) -> None:
        """`insecure` does without TLS, on a host other than this machine too."""
        self._reference = reference
        self._insecure = insecure
        self._connections = Connections()

    def ask(
        self,
        method: str,
        url: str,
        *,
        scopes: Scopes,
        expected: Container[int],
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        tries: int = patience.TRIES,
    ) -> Answer:
        """Ask, and read the answer whole. `url` may be a path.

        Raises RegistryError for a status that is not `expected`, for no answer, and for one over LARGEST.
        """
        whole = self.absolute(url)

        def once() -> Answer:
            return read(whole, self._moved(method, whole, dict(headers or {}), body, scopes))

        answer = patience.patiently(once, method, whole, tries=tries)
        if answer.status not in expected:
            raise self.refusal(method, answer)
        if len(answer.body) > LARGEST:
            raise RegistryError(
                "the registry's answer is larger than 4 MiB",
                where=f"{method} {errors.redacted(whole)}",
                remedy="No manifest may be that large: look at the registry's name.",
            )
        return answer

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        scopes: Scopes,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Ask, and leave the answer to be read inside the block. Raises RegistryError when there is none."""
        whole = self.absolute(url)

        def once() -> urllib3.BaseHTTPResponse:
            return self._moved(method, whole, dict(headers or {}), None, scopes)

        with closing(patience.patiently(once, method, whole, discard=discard)) as response:
            yield response

    def refusal(self, method: str, answer: Answer) -> RegistryError:
        """The error for an answer that is not what was hoped for. A registry may repeat what we have told it."""
        known, body = self._reference, self._authorizer.without_secrets(answer.body)
        return errors.refusal(
            method, answer.url, answer.status, body, registry=known.registry, repository=known.repository
        )

    def absolute(self, url: str) -> str:
        """The URL of a path at the registry."""
        return self.base + url if url.startswith("/") else url

    @cached_property
    def base(self) -> str:
        """The registry's URL, without a slash behind."""
        host = self._reference.host
        if self._insecure:
            return f"http://{host}"
        if not locations.is_loopback(urlsplit(f"//{host}").hostname or ""):
            return f"https://{host}"
        # On this machine a registry may do without TLS, as docker allows.
        return f"{'https' if speaks_tls(host) else 'http'}://{host}"

    def _moved(
        self, method: str, url: str, headers: dict[str, str], body: Body | None, scopes: Scopes
    ) -> urllib3.BaseHTTPResponse:
        for _ in range(_HOPS):
            response = self._signed(method, url, headers, body, scopes)
            location = response.headers.get("Location")
            if response.status not in _MOVED or method not in {"GET", "HEAD"} or not location:
                return response
            discard(response)
            url = locations.followed(url, location)
        raise RegistryError(
            "the registry sends us in a circle",
            where=f"{method} {errors.redacted(url)}",
            remedy="Look at its address, and at the proxies before it.",
        )

    def _signed(
        self, method: str, url: str, headers: dict[str, str], body: Body | None, scopes: Scopes
    ) -> urllib3.BaseHTTPResponse:
        """Only the registry itself is told who we are: not the stores it sends us on to."""
        if not locations.same_origin(url, self.base):
            return self._connections.send(method, url, headers, body)
        sent = self._authorizer.header(scopes)
        response = self._connections.send(method, url, _with(headers, sent), body)
        if response.status != _UNAUTHORIZED:
            return response
        try:
            again = self._authorizer.learn(challenge.parse(response.headers.getlist("WWW-Authenticate")), scopes, sent)
        except BaseException:
            response.close()
            raise
        if not again:
            return response
        discard(response)
        return self._connections.send(method, url, _with(headers, self._authorizer.header(scopes)), body)

    @cached_property
    def _authorizer(self) -> Authorizer:
        known = self._reference
        return Authorizer(
            self.base, known.registry, lambda: credentials.find(known.registry, known.repository), self._token_answer
        )

    def _token_answer(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
        sent = Body.of(body) if body else None
        return patience.patiently(lambda: read(url, self._connections.send(method, url, headers, sent)), method, url)


def _with(headers: dict[str, str], authorization: str | None) -> dict[str, str]:
    return headers | {"Authorization": authorization} if authorization else headers
