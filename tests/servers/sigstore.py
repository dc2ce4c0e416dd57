"""sigstore's own programs: cosign, and Fulcio with identities that the tests give.

Nothing outside this machine is asked: what cosign would fetch from sigstore's public service is given to it.
"""

import base64
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import registry
from tests.servers.registry_stub import Asked, Reply, Stub, stub

BEGAN = "2020-01-01T00:00:00Z"
CLIENT = "sigstore"
ADA = "ada@example.com"
WORKFLOW = "me/site/.github/workflows/publish.yml@refs/heads/main"
_HOW = "the whole `./test` builds it, where Go is"
_REQUEST = "the token of the runner"


@dataclass(frozen=True)
class Cosign:
    """cosign with no service of sigstore's but those in `services`, and nobody trusted but by `trusted`."""

    program: str
    services: Path
    trusted: Path

    @property
    def environ(self) -> dict[str, str]:
        """What makes a `cosign sign` do without the public service: its options, as variables."""
        return {
            "PATH": f"{Path(self.program).parent}:{os.environ['PATH']}",
            "COSIGN_SIGNING_CONFIG": str(self.services),
            "COSIGN_TRUSTED_ROOT": str(self.trusted),
            "COSIGN_PASSWORD": "",
        }

    def verifies(self, image: str, *arguments: str) -> str:
        """Whether a signature of `image` is accepted: "" if so, or else what cosign says."""
        trust = ("--trusted-root", str(self.trusted), "--insecure-ignore-tlog", "--insecure-ignore-sct")
        done = _run(self.program, "verify", *trust, *arguments, image)
        return done.stderr if done.returncode else ""


@dataclass(frozen=True)
class Keys:
    """A key pair in files."""

    private: Path
    public: Path


def cosign(folder: Path, *, fulcio: "Fulcio | None" = None) -> Cosign:
    """Set cosign up in `folder`, for keys or for identities that `fulcio` certifies. Skips where it is not here."""
    program = registry.found("cosign", _HOW)
    made = Cosign(program, folder / "services.json", folder / "trusted.json")
    services, trusted = _certified_by(folder, fulcio) if fulcio else ((), ())
    _made(program, "signing-config", "create", *services, "--out", str(made.services))
    _made(program, "trusted-root", "create", *trusted, "--out", str(made.trusted))
    return made


def keys(made: Cosign, folder: Path) -> Keys:
    """Make a pair without a password."""
    folder.mkdir()
    _made(made.program, "generate-key-pair", "--output-key-prefix", str(folder / "cosign"), **made.environ)
    return Keys(folder / "cosign.key", folder / "cosign.pub")


@dataclass
class Issuer:
    """Gives identity tokens, as the issuers that Fulcio trusts do; it signs with openssl."""

    key: Path
    server: Stub = field(default_factory=lambda: Stub(""))

    @property
    def people(self) -> str:
        return f"{self.server.url}/people"

    @property
    def actions(self) -> str:
        return f"{self.server.url}/actions"

    @property
    def runner(self) -> dict[str, str]:
        """What a job of GitHub Actions has in its environment, if it may have identity tokens."""
        url = f"{self.actions}/token?api-version=2.0"
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": _REQUEST}

    def token(self, issuer: str, **claims: Any) -> str:
        now = int(time.time())
        plain = {"iss": issuer, "aud": CLIENT, "iat": now - 5, "nbf": now - 5, "exp": now + 300, **claims}
        signed = f"{_packed({'typ': 'JWT', 'alg': 'RS256', 'kid': '1'})}.{_packed(plain)}"
        argv = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        return f"{signed}.{_coded(subprocess.run(argv, input=signed.encode(), capture_output=True, check=True).stdout)}"

    def answer(self, asked: Asked) -> Reply:
        issuer = f"{self.server.url}/{asked.path.split('/')[1]}"
        if asked.path.endswith("/.well-known/openid-configuration"):
            return _json(_discovery(issuer))
        if asked.path.endswith("/keys"):
            return _json({"keys": [self._public()]})
        if asked.path == "/actions/token" and asked.authorization == f"bearer {_REQUEST}":
            return _json({"value": self.token(self.actions, **_job())})
        return Reply(404)

    def _public(self) -> dict[str, str]:
        argv = ["openssl", "rsa", "-in", str(self.key), "-noout", "-modulus"]
        modulus = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().partition("=")[2]
        plain = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1"}
        return plain | {"n": _coded(bytes.fromhex(modulus)), "e": _coded((65537).to_bytes(3))}


@dataclass(frozen=True)
class Fulcio:
    """A running Fulcio, and whose tokens it takes."""

    url: str
    issuer: Issuer


@contextmanager
def fulcio(folder: Path) -> Iterator[Fulcio]:
    """Run one with an authority of its own, and an issuer of identities. Skips where it is not installed."""
    program = registry.found("fulcio", _HOW)
    folder.mkdir()
    key = folder / "issuer.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], capture_output=True, check=True)
    issuer = Issuer(key)
    with stub(issuer.answer) as issuer.server:
        kinds = {issuer.people: "email", issuer.actions: "github-workflow"}
        known = {url: {"IssuerURL": url, "ClientID": CLIENT, "Type": kind} for url, kind in kinds.items()}
        (folder / "config.json").write_text(json.dumps({"OIDCIssuers": known}))
        port, grpc, metrics = (registry.free_port() for _ in range(3))
        argv = [program, "serve", "--ca=ephemeralca", "--ct-log-url=", f"--config-path={folder}/config.json"]
        argv += ["--host=127.0.0.1", f"--port={port}", "--grpc-host=127.0.0.1", f"--grpc-port={grpc}"]
        argv += [f"--metrics-port={metrics}", f"--legacy-unix-domain-socket={folder}/legacy.sock"]
        with registry.running(argv, f"127.0.0.1:{port}", folder / "log"):
            yield Fulcio(f"http://127.0.0.1:{port}", issuer)


def _certified_by(folder: Path, running: Fulcio) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options for cosign's services, and for its trust."""
    with urllib.request.urlopen(f"{running.url}/api/v2/trustBundle", timeout=20) as answer:
        chain = json.load(answer)["chains"][0]["certificates"]
    file = folder / "fulcio.pem"
    file.write_text("".join(chain))
    service = f"url={running.url},api-version=1,start-time={BEGAN},operator=tests"
    return (f"--fulcio={service}",), (f"--fulcio=url={running.url},certificate-chain={file},start-time={BEGAN}",)


def _discovery(issuer: str) -> dict[str, Any]:
    ways = {name: f"{issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
    kinds = {"response_types_supported": ["id_token"], "subject_types_supported": ["public"]}
    return {"issuer": issuer, "jwks_uri": f"{issuer}/keys", **ways, **kinds} | {
        "id_token_signing_alg_values_supported": ["RS256"]
    }


def _job() -> dict[str, str]:
    """The claims of a job that Fulcio reads."""
    repository, ref = "me/site", "refs/heads/main"
    same = dict.fromkeys(("sha", "workflow_sha", "job_workflow_sha"), "a" * 40)
    numbers = dict.fromkeys(("repository_id", "repository_owner_id", "run_id", "run_attempt"), "1")
    return {
        **(same | numbers),
        "sub": f"repo:{repository}:ref:{ref}",
        "job_workflow_ref": WORKFLOW,
        "workflow_ref": WORKFLOW,
        "workflow": "publish",
        "event_name": "push",
        "repository": repository,
        "repository_owner": "me",
        "repository_visibility": "public",
        "ref": ref,
        "runner_environment": "github-hosted",
    }


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode(), (("Content-Type", "application/json"),))


def _made(*argv: str, **environ: str) -> None:
    done = _run(*argv, **environ)
    assert done.returncode == 0, done.stderr


def _run(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    around: Mapping[str, str] = os.environ | environ
    return subprocess.run(argv, env=around, capture_output=True, text=True, check=False, timeout=120)


def _packed(value: object) -> str:
    return _coded(json.dumps(value).encode())


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
