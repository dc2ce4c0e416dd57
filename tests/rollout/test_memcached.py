"""memcached: the real one, with the site's settings, for as long as the site runs."""

import os
import signal
import time
from pathlib import Path

import pytest
from pymemcache.client.base import Client as Memcache

from pushlive.model.errors import MachineError, PushliveError
from pushlive.model.events import silent
from pushlive.model.release import CacheSpec
from pushlive.rollout.local import client, memcached, places, strays
from pushlive.rollout.local.protocol import Op
from pushlive.system import proc
from pushlive.system.proc import Identity
from tests.rollout.sites import has_memcached, wait_for

pytestmark = pytest.mark.skipif(not has_memcached(), reason="memcached is not installed")


def cache(address, do):
    """What `do` makes of a client of the memcached at an address."""
    client = Memcache(address, timeout=2)
    try:
        return do(client)
    finally:
        client.close()


def identity(site):
    return Identity(*places.read_state(places.memcached_file(site.home))["process"])


def arguments(site):
    return Path(f"/proc/{identity(site).pid}/cmdline").read_bytes().decode().split("\0")


def test_it_runs_with_the_settings_of_the_site_and_as_its_user(site):
    spec = CacheSpec(memory=96 * 2**20, max_item_size=2 * 2**20, connections=200, threads=2)
    site.deliver(cache=spec)

    settings = cache(site.ask()["env"]["MEMCACHED_SERVERS"], lambda client: client.stats("settings"))

    assert int(settings[b"maxbytes"]) == spec.memory
    assert int(settings[b"item_size_max"]) == spec.max_item_size
    assert int(settings[b"maxconns"]) == spec.connections
    assert int(settings[b"num_threads"]) == spec.threads
    account = site.record.account
    assert Path(f"/proc/{identity(site).pid}").stat().st_uid == (account.uid if account else os.geteuid())


def test_its_content_survives_a_rollout_and_the_death_of_the_supervisor(site):
    site.deliver(cache=CacheSpec())
    address = site.engine.status().cache
    cache(address, lambda client: client.set("count", "7"))
    before = identity(site)

    site.deliver(cache=CacheSpec())
    old = site.engine.status().supervisor
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: site.engine.status().supervisor not in (0, old))

    assert cache(address, lambda client: client.get("count")) == b"7"
    assert identity(site) == before


def test_it_is_started_again_on_the_same_address_when_it_dies(site):
    site.deliver(cache=CacheSpec())
    address, before = site.engine.status().cache, identity(site)

    os.kill(before.pid, signal.SIGKILL)

    wait_for(lambda: identity(site) != before and memcached.accepts(int(address.rpartition(":")[2])))
    assert site.engine.status().cache == address
    assert cache(address, lambda client: client.set("count", "1", noreply=False))


def test_it_is_started_again_when_it_died_without_a_supervisor(site):
    site.deliver(cache=CacheSpec())
    address, before, old = site.engine.status().cache, identity(site), site.engine.status().supervisor
    keeper = Identity(*places.read_state(places.keeper_file(site.home))["process"])
    os.kill(keeper.pid, signal.SIGSTOP)
    for pid in (old, before.pid):
        os.kill(pid, signal.SIGKILL)
    proc.wait_all([before], 5)
    os.kill(keeper.pid, signal.SIGCONT)

    wait_for(lambda: site.engine.status().supervisor not in (0, old))

    assert site.engine.status().cache == address
    assert cache(address, lambda client: client.set("count", "1", noreply=False))


def test_other_settings_restart_it_at_the_commit_and_not_before(site):
    site.deliver(cache=CacheSpec())
    before, address = identity(site), site.engine.status().cache
    second = site.release(cache=CacheSpec(memory=32 * 2**20))
    site.engine.prepare(second)

    with site.engine.candidate(second, silent) as candidate:
        assert identity(site) == before
        candidate.commit()

    assert identity(site) != before
    assert "32" in arguments(site)
    assert site.engine.status().cache == address


def test_a_candidate_that_is_left_changes_nothing_of_it(site):
    site.deliver(cache=CacheSpec())
    before = identity(site)
    second = site.release(cache=CacheSpec(memory=32 * 2**20))
    site.engine.prepare(second)

    with site.engine.candidate(second, silent):
        pass

    assert identity(site) == before


def test_a_release_without_a_cache_ends_it(site):
    site.deliver(cache=CacheSpec())
    before = identity(site)

    site.deliver()

    assert not proc.alive(before)
    assert "MEMCACHED_SERVERS" not in site.ask()["env"]


def test_servers_elsewhere_are_named_and_none_is_started(site):
    site.deliver(cache=CacheSpec(servers=("10.0.0.3:11211", "10.0.0.4:11211")))

    assert site.ask()["env"]["MEMCACHED_SERVERS"] == "10.0.0.3:11211,10.0.0.4:11211"
    assert not places.memcached_file(site.home).exists()


def test_the_release_command_finds_it_running(site):
    release = site.release(cache=CacheSpec())
    site.engine.prepare(release)
    lines = []

    site.engine.run(release, ["python", "-c", "import os; print(os.environ['MEMCACHED_SERVERS'])"], lines.append)

    assert cache(lines[0], lambda client: client.version())


def test_what_memcached_says_when_it_refuses_to_start_is_the_evidence(site):
    release = site.release(cache=CacheSpec(max_item_size=100))
    site.engine.prepare(release)

    with pytest.raises(PushliveError) as caught, site.engine.candidate(release, silent):
        pass

    assert caught.value.cause == "memcached does not start"
    assert "Item max size" in caught.value.evidence[-1]


def test_a_machine_without_it_is_told_how_to_install_it(monkeypatch):
    monkeypatch.setattr(memcached, "_FOLDERS", ("/nonexistent",))

    with pytest.raises(MachineError, match="apt-get install memcached"):
        memcached.find()


def test_stop_ends_it(site):
    site.deliver(cache=CacheSpec())
    before = identity(site)

    site.engine.stop()

    assert not proc.alive(before)
    assert not [one for one in strays.everything(site.home) if proc.alive(one)]


def test_it_is_back_within_moments(site):
    site.deliver(cache=CacheSpec())
    port = int(site.engine.status().cache.rpartition(":")[2])
    for _ in range(3):
        before = identity(site)
        os.kill(before.pid, signal.SIGKILL)
        began = time.monotonic()
        wait_for(lambda before=before: identity(site) != before and memcached.accepts(port))
        assert time.monotonic() - began < 5


def test_what_runs_for_a_candidate_alone_ends_with_it(site):
    site.deliver()
    second = site.release(cache=CacheSpec())
    site.engine.prepare(second)
    with site.engine.candidate(second, silent):
        assert cache_pid(site)

    wait_for(lambda: not cache_pid(site))


def test_what_the_live_release_uses_outlives_a_candidate_with_other_wishes(site):
    site.deliver(cache=CacheSpec())
    before = cache_pid(site)
    second = site.release(cache=CacheSpec(threads=2))
    site.engine.prepare(second)
    with site.engine.candidate(second, silent) as candidate:
        pass

    wait_for(lambda: not any(Path(f"/proc/{one.pid}").exists() for one in candidate.replicas))
    assert cache_pid(site) == before


def cache_pid(site):
    with client.reach(site.home) as link:
        return link.ask(Op.STATUS)["cache_pid"]
