"""The signed probe: a question only pushlive can ask, and an answer only its own release can give.

The request's header is `X-Pushlive-Probe: <nonce>:<HMAC of "probe:<nonce>">`. The wrapper around the site answers with
who it is and `X-Pushlive-Proof: <HMAC of "proof:<nonce>:<revision>:<release>:<replica>">`; HMAC-SHA256 in hexadecimal
digits under the site's probe key. `pushlive_runtime` has the other half.
"""

import hmac
import os
from collections.abc import Mapping

from msgspec import Struct

PROBE = "X-Pushlive-Probe"
REVISION = "x-pushlive-revision"
RELEASE = "x-pushlive-release"
REPLICA = "x-pushlive-replica"
PROOF = "x-pushlive-proof"


class Identity(Struct, frozen=True):
    """Who answered: a revision's full SHA, a release's and a replica's name."""

    revision: str
    release: str
    replica: str


def fresh_nonce() -> str:
    """32 hexadecimal digits that were never sent before."""
    return os.urandom(16).hex()


def question(nonce: str, key: str) -> str:
    """The value of X-Pushlive-Probe."""
    return f"{nonce}:{_digest(f'probe:{nonce}', key)}"


def proof(nonce: str, identity: Identity, key: str) -> str:
    """The value of X-Pushlive-Proof that `identity` answers with."""
    return _digest(f"proof:{nonce}:{identity.revision}:{identity.release}:{identity.replica}", key)


def proven(headers: Mapping[str, str], nonce: str, key: str) -> Identity | None:
    """Who gave this answer (header names in lower case), or None where the proof is missing or wrong."""
    identity = Identity(headers.get(REVISION, ""), headers.get(RELEASE, ""), headers.get(REPLICA, ""))
    given = headers.get(PROOF, "")
    right = hmac.compare_digest(given.encode(), proof(nonce, identity, key).encode())
    return identity if right else None


def _digest(text: str, key: str) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()
