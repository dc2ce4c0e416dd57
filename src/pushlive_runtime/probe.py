"""Answer a signed probe with what is running, and let every other request through untouched.

A probe is any request with `X-Pushlive-Probe: <nonce>:<hmac-sha256 of "probe:"+nonce>`, in hex, under the site's probe
key. Its answer is the application's own, with the revision, the release and the replica added, and a proof over all of
them and the nonce: only a process that was given the key can have made it, and only for this probe.

An orchestrator cannot sign. It asks `X-Pushlive-Probe: ready` or `alive` for a page of the site, and is answered by a
status alone: 204 for `alive` by the server itself, and for `ready` unless the application answers 5xx, or 400 as Django
does to a host that it does not allow. So a site without a page at `/` is ready, and one whose database hangs is alive.
"""

from __future__ import annotations

import hmac
import re
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Optional, Tuple

from pushlive_runtime.settings import Identity

WSGI_NAME = "HTTP_X_PUSHLIVE_PROBE"
ASGI_NAME = b"x-pushlive-probe"
RESERVED = ("x-pushlive-revision", "x-pushlive-release", "x-pushlive-replica", "x-pushlive-proof")
PROBE = re.compile(r"([0-9a-f]{16,128}):([0-9a-f]{64})")

READY, ALIVE = "ready", "alive"
WELL, WELL_CODE = "204 No Content", 204
BAD_REQUEST, SERVER_ERROR = 400, 500

Headers = List[Tuple[str, str]]
Scope = Dict[str, Any]
Message = Dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WsgiApp = Callable[[Dict[str, Any], Callable[..., Any]], Iterable[bytes]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Prover:
    """Knows the key and the identity; says what a probe's answer carries."""

    def __init__(self, key: str, identity: Identity) -> None:
        self._key = key.encode()
        self._identity = identity

    def prove(self, probe: str) -> Optional[Headers]:
        """The headers that answer `probe`, None when its signature does not hold."""
        match = PROBE.fullmatch(probe)
        if match is None or not self._key:
            return None
        nonce, signature = match.groups()
        if not hmac.compare_digest(signature, self._sign(f"probe:{nonce}")):
            return None
        named = (self._identity.revision, self._identity.release, self._identity.replica)
        proof = self._sign(":".join(("proof", nonce, *named)))
        return [
            ("X-Pushlive-Revision", named[0]),
            ("X-Pushlive-Release", named[1]),
            ("X-Pushlive-Replica", named[2]),
            ("X-Pushlive-Proof", proof),
        ]

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()


def wsgi_probe(app: WsgiApp, prover: Prover) -> WsgiApp:
    """Wrap a WSGI application. A request without a valid probe costs one look into the environ."""

    def probed(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        probe = environ.get(WSGI_NAME)
        if probe == ALIVE:
            start_response(WELL, [])
            return []
        if probe == READY:
            return _answer_ready(app, environ, start_response)
        proof = None if probe is None else prover.prove(probe)
        if proof is None:
            return app(environ, start_response)
        added = proof

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            return start_response(status, _with_proof(headers, added), *exc_info)

        return app(environ, start)

    return probed


def _answer_ready(app: WsgiApp, environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Have the application answer, and say by a status alone what that means."""
    seen: List[str] = []

    def start(status: str, _headers: Headers, *_exc_info: Any) -> Callable[[bytes], None]:
        seen.append(status)
        return lambda _data: None

    body = app(environ, start)
    try:
        for _ in body:
            break  # an application may begin its answer as late as with its first bytes
    finally:
        close = getattr(body, "close", None)
        if close:
            close()
    status = seen[-1] if seen else "500 No Answer"
    start_response(WELL if _serves(int(status[:3])) else status, [])
    return []


def _serves(status: int) -> bool:
    return status < SERVER_ERROR and status != BAD_REQUEST


def asgi_probe(app: AsgiApp, prover: Prover) -> AsgiApp:
    """Wrap an ASGI application; websockets and the lifespan pass by."""

    async def probed(scope: Scope, receive: Receive, send: Send) -> None:
        probe = _asgi_header(scope) if scope["type"] == "http" else None
        if probe == ALIVE:
            await _send_status(send, WELL_CODE)
            return
        if probe == READY:
            await app(scope, receive, _only_status(send))
            return
        proof = None if probe is None else prover.prove(probe)
        if proof is None:
            await app(scope, receive, send)
            return
        added = [(name.lower().encode(), value.encode()) for name, value in proof]

        async def start(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [
                    pair
                    for pair in message.get("headers", ())
                    if bytes(pair[0]).lower().decode("latin-1") not in RESERVED
                ]
                message = {**message, "headers": [*own, *added]}
            await send(message)

        await app(scope, receive, start)

    return probed


def _only_status(send: Send) -> Send:
    """Sends what the application's answer means, by a status alone, in place of it."""

    async def judged(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = int(message["status"])
            await _send_status(send, WELL_CODE if _serves(status) else status)

    return judged


async def _send_status(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _with_proof(headers: Headers, proof: Headers) -> Headers:
    return [pair for pair in headers if pair[0].lower() not in RESERVED] + proof


def _asgi_header(scope: Scope) -> Optional[str]:
    for name, value in scope.get("headers", ()):
        if name == ASGI_NAME:
            return bytes(value).decode("latin-1")
    return None
