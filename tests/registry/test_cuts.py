"""Exchanges cut anywhere: within a request's body, within the status line and headers of its answer, and after them."""

import itertools
import os
import random

import pytest

from pushlive.image.layout import Layout
from pushlive.model.image import MANIFEST
from pushlive.registry import manifests, patience, push, referrers, upload
from pushlive.registry.manifests import Manifest
from tests.registry.images import digest_of, image, pulled, repository
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry import Registry

SIZE = 5000


@pytest.fixture
def small_parts(monkeypatch):
    """Blobs go in parts of 2,000 bytes."""
    monkeypatch.setattr(upload, "WHOLE", 2000)
    monkeypatch.setattr(upload, "PART", 2000)


HEADS = {
    "is the blob there": "^HEAD .*/blobs/",
    "begin": "^POST",
    "part": "^PATCH",
    "end": "^PUT .*/uploads/",
    "manifest": "^PUT .*/manifests/sha256",
    "tag": "^PUT .*/manifests/1$",
}


@pytest.fixture
def at_once(monkeypatch):
    """Nobody waits before another try."""
    monkeypatch.setattr(patience, "backoff", lambda _: 0.0)


@pytest.mark.usefixtures("small_parts", "at_once")
@pytest.mark.parametrize("head", HEADS)
def test_a_push_whose_answer_is_cut_anywhere_in_its_head_gets_over(plain, name, layout, head):
    """From no byte at all to the whole head, whose length is the same each time."""
    where = repository(plain.host, name)
    for cut in [*range(60), *range(60, 600, 23)]:
        made, fault = image(layout, os.urandom(SIZE)), Fault(HEADS[head], cut_head=cut)
        with fault_proxy(plain.host, [fault]) as proxy:
            push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
        assert fault.struck
        assert manifests.get(where, "1").digest == made.digest


@pytest.mark.usefixtures("small_parts", "at_once")
@pytest.mark.parametrize("body", ["part", "manifest"])
def test_a_push_whose_body_is_cut_anywhere_gets_over(plain, name, layout, body):
    where = repository(plain.host, name)
    for cut in [*range(20), *range(20, 500, 29), 1999]:
        made, fault = image(layout, os.urandom(SIZE)), Fault(HEADS[body], cut_request=cut)
        with fault_proxy(plain.host, [fault]) as proxy:
            push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
        assert manifests.get(where, "1").digest == made.digest


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("pattern", ["^GET .*/manifests/1$", "^GET .*/blobs/"])
def test_a_pull_whose_answer_is_cut_anywhere_in_its_head_gets_over(plain, name, layout, tmp_path, pattern):
    made = image(layout, os.urandom(SIZE))
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    for cut in [*range(60), *range(60, 600, 23)]:
        fault = Fault(pattern, cut_head=cut)
        with fault_proxy(plain.host, [fault]) as proxy:
            found = pulled(repository(proxy.host, name), Layout(tmp_path / str(cut)))
        assert fault.struck
        assert found.image.digest == made.digest


@pytest.mark.usefixtures("small_parts", "at_once")
@pytest.mark.parametrize("kind", ["cut_request", "cut_head", "cut_answer", "drop"])
def test_whichever_exchange_is_cut_wherever_a_push_gets_over(registry, layout, name, kind):
    """Of a push with something attached: each exchange in turn, in a place that is drawn by its number."""
    for nth in itertools.count(1):
        fault = Fault(".", nth=nth, **{kind: kind == "drop" or random.Random(nth).randrange(400)})
        push_through(fault, registry, layout, name)
        if not fault.struck:
            break
    assert nth > 15, "a push has so many"


def push_through(fault: Fault, registry: Registry, layout: Layout, name: str) -> None:
    """Push a new image and something about it, and look whether both are there."""
    made = image(layout, os.urandom(SIZE))
    about = Manifest(MANIFEST, layout.get(image(layout, b"", artifactType="about", subject=made.json()).digest))
    with fault_proxy(registry.host, [fault]) as proxy:
        push.push(made.digest, layout, repository(proxy.host, name), tags=("1",), attached=[about])
    where = repository(registry.host, name)
    assert manifests.get(where, "1").digest == made.digest
    assert [each["digest"] for each in referrers.of(where, made.digest)] == [str(about.digest)]


@pytest.mark.usefixtures("at_once")
def test_a_question_who_we_are_that_is_cut_anywhere_is_asked_for_again(basic, name, log_in):
    for cut in [*range(0, 60, 7), *range(60, 500, 23)]:
        fault = Fault(".", cut_head=cut)
        with fault_proxy(basic.host, [fault]) as proxy:
            log_in(proxy.host)
            assert not upload.exists(repository(proxy.host, name), digest_of(b""))
        assert fault.struck
