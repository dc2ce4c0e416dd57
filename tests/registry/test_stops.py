"""Stopped in mid-transfer, by the user or by a refusal: what is under way ends at its next block, and is called off.

distribution 2.8 keeps an upload all the same that is called off within a part: it knows no half part.
"""

import os
import signal
import time
from collections.abc import Callable

import pytest

from pushlive.model.errors import RegistryError
from pushlive.model.image import Descriptor
from pushlive.registry import download, manifests, push, upload
from pushlive.registry.transfer import Transfers, results
from pushlive.system import locks
from tests.registry.images import LAYER, digest_of, image, repository
from tests.registry.test_kills import run, start
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry import Registry
from tests.servers.registry_stub import Reply

SIZE = 40_000_000
"""More than the buffers between two processes hold."""

RATE = 2_000_000


def interrupted_when(seen: Callable[[], bool], *arguments: object) -> None:
    """Start it, and send what Ctrl-C does once it has got so far."""
    with start(*arguments) as child:
        while not seen() and child.poll() is None:
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate()
    assert child.returncode == -signal.SIGINT, (child.returncode, errors)
    assert errors.strip().endswith("KeyboardInterrupt")


@pytest.fixture(scope="module")
def large() -> list[bytes]:
    return [bytes([number]) * SIZE for number in range(2)]


def test_a_push_that_is_interrupted_calls_its_uploads_off(plain, name, layout, large):
    made = image(layout, *large)
    slow = Fault("|".join(f"^PUT .*{digest_of(each).hex}" for each in large), times=2, rate=RATE)
    with fault_proxy(plain.host, [slow]) as proxy:
        interrupted_when(lambda: slow.seen == 2, "push", f"{proxy.host}/{name}", layout.path, made.digest)
        assert len(proxy.lines("^DELETE .*/uploads/")) >= 2, "of the two, and of a small blob that was just under way"
        assert not proxy.lines("^PUT .*/manifests/")
    assert arrived(plain, name) < SIZE
    run("push", f"{plain.host}/{name}", layout.path, made.digest)
    assert manifests.get(repository(plain.host, name), "1").digest == made.digest


def test_a_push_with_a_blob_that_is_refused_calls_the_others_off(plain, name, layout, large):
    slow, small = layout.put(large[0], LAYER), layout.put(os.urandom(1000), LAYER)
    drips = Fault(f"^PUT .*{slow.digest.hex}", rate=RATE)
    with fault_proxy(plain.host, [drips, Fault(f"^PUT .*{small.digest.hex}", reply=Reply(403))]) as proxy:
        sender = push.Sender(repository(proxy.host, name))

        def both() -> None:
            with sender:
                sender.begin([slow], layout)
                until(lambda: drips.struck)
                sender.begin([small], layout)
                sender.wait([slow, small])

        with pytest.raises(RegistryError, match="refuses"):
            both()
        assert len(proxy.lines("^DELETE")) == 2
    assert arrived(plain, name) < SIZE
    assert not upload.exists(repository(plain.host, name), slow.digest)


def test_a_pull_that_is_interrupted_keeps_what_it_has_and_goes_on_from_there(plain, name, layout, other, large):
    push.push(image(layout, large[0]).digest, layout, repository(plain.host, name), tags=("1",))
    digest = digest_of(large[0])
    partial = other.partial(digest)
    with fault_proxy(plain.host, [Fault(f"^GET .*{digest}", rate=RATE)]) as proxy:
        where = f"{proxy.host}/{name}:1"
        interrupted_when(lambda: partial.exists() and partial.stat().st_size > 0, "pull", where, other.path)
        reached = partial.stat().st_size
        assert 0 < reached < SIZE
        run("pull", where, other.path)
        ranges = [each.headers["Range"] for each in proxy.asked if str(digest) in each.target]
    assert ranges == [None, f"bytes={reached}-"]
    assert other.has(digest)


def test_a_pull_with_a_blob_that_is_refused_stops_the_others(plain, name, layout, other, large):
    slow, missing = Descriptor(LAYER, digest_of(large[0]), SIZE), Descriptor(LAYER, digest_of(b"missing"), 7)
    push.push(image(layout, large[0]).digest, layout, repository(plain.host, name), tags=("1",))
    drips = Fault(f"^GET .*{slow.digest}", rate=RATE)
    with fault_proxy(plain.host, [drips]) as proxy:
        where = repository(proxy.host, name)

        def both() -> None:
            with Transfers("pull") as transfers:
                first = transfers.move(slow.digest, SIZE, lambda told: download.fetch(where, slow, other, told=told))
                until(lambda: drips.struck)
                results([first, transfers.do(lambda: download.fetch(where, missing, other))])

        with pytest.raises(RegistryError, match="refuses"):
            both()
    partial = other.partial(slow.digest)
    with locks.held(partial.with_suffix(".lock"), wait=False) as free:
        assert free, "nobody is at it any more"
    assert partial.stat().st_size < SIZE


def until(seen: Callable[[], bool]) -> None:
    while not seen():
        time.sleep(0.005)


def arrived(registry: Registry, name: str) -> int:
    """Bytes that distribution's registry keeps of a repository's uploads."""
    kept = registry.folder.glob(f"docker/registry/v2/repositories/{name}/_uploads/*/data")
    return sum(each.stat().st_size for each in kept)
