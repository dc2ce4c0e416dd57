"""A signed probe is answered with what runs; all other requests see nothing of it."""

import pytest

from tests.runtime.conftest import replicas_of
from tests.runtime.replicas import IDENTITY, probe, proof
from tests.runtime.sites import SITES, django

NAMES = ("X-Pushlive-Revision", "X-Pushlive-Release", "X-Pushlive-Replica", "X-Pushlive-Proof")


@pytest.fixture(scope="module", params=("wsgi", "asgi"))
def started(request, layer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    django(folder)
    with replicas_of(layer, folder, folder) as make:
        yield make(app=f"proj.{request.param}:application", interface=request.param).start().ready()


def test_signed_probe_is_answered_by_the_site_with_a_proof(started):
    nonce, signed = probe()
    answer = started.get("/", {"X-Pushlive-Probe": signed})
    assert answer.text == b"page of django"
    assert [answer.getheader(name) for name in NAMES] == [*IDENTITY.values(), proof(nonce)]


def test_streamed_answers_and_errors_carry_the_proof_too(started):
    nonce, signed = probe()
    stream = started.get("/stream", {"X-Pushlive-Probe": signed})
    assert (stream.text, stream.getheader("X-Pushlive-Proof")) == (b"partpartpart", proof(nonce))
    missing = started.get("/missing", {"X-Pushlive-Probe": signed})
    assert (missing.status, missing.getheader("X-Pushlive-Proof")) == (404, proof(nonce))


FORGED = {
    "empty": lambda _: "",
    "no probe": lambda _: "x",
    "wrong signature": lambda signed: signed.partition(":")[0] + ":" + "0" * 64,
    "not ASCII": lambda _: "é" * 32 + ":" + "0" * 64,
    "truncated": lambda signed: signed[:-1],
    "lengthened": lambda signed: signed + "0",
    "upper case": lambda signed: signed.upper(),
    "another nonce": lambda signed: "0" * 32 + signed[32:],
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_unsigned_requests_see_nothing(started, forge):
    answer = started.get("/", {"X-Pushlive-Probe": forge(probe()[1]).encode()})
    assert answer.status == 200
    assert answer.getheader("X-Pushlive-Proof") is None
    assert answer.getheader("X-Pushlive-Replica") is None
    assert answer.getheader("X-Pushlive-Revision") == "forged"


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/", "ready", 204),
        ("/missing", "ready", 204),
        ("/stream", "ready", 204),
        ("/error", "ready", 500),
        ("/refused", "ready", 400),
        ("/", "alive", 204),
        ("/error", "alive", 204),
        ("/refused", "alive", 204),
    ],
)
def test_an_orchestrator_is_told_by_a_status_whether_it_serves(started, path, asked, status):
    answer = started.get(path, {"X-Pushlive-Probe": asked})
    assert (answer.status, answer.text) == (status, b"")
    assert answer.getheader("X-Pushlive-Proof") is None


def test_the_key_is_no_business_of_the_sites(replica, site):
    (site / "app.py").write_text(
        "import os\nassert 'PUSHLIVE_PROBE_KEY' not in os.environ, 'the key is there'\n" + SITES["wsgi"]
    )
    assert replica().start().ready().get("/").status == 200
