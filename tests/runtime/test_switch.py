"""Twenty releases, one after another, on one public socket under load: nobody notices."""

import asyncio

import pytest

from tests.runtime.load import Tally, running
from tests.runtime.sites import SITES


def check_switches(replica, public, interface, switches, **settings):
    """Switch so many times; every request is answered, and every release answered some."""
    tally = asyncio.run(switch_under_load(replica, public, interface, switches, settings))
    assert tally.failures == []
    assert {f"v{number}-1".encode() for number in range(switches + 1)} <= set(tally.answers)


async def switch_under_load(replica, public, interface, switches, settings):
    tally = Tally()

    def start(number):
        return replica(public=public, name=f"v{number}-1", interface=interface, **settings).start().ready()

    def retire(old):
        old.terminate()
        while not old.refuses():
            pass

    old = await asyncio.to_thread(start, 0)
    old.admit()
    async with running(public.getsockname(), tally):
        for number in range(1, switches + 1):
            new = await asyncio.to_thread(start, number)
            new.admit()
            await asyncio.sleep(0.1)
            await asyncio.to_thread(retire, old)
            old = new
        await asyncio.sleep(0.2)
    return tally


@pytest.mark.parametrize("interface", SITES)
def test_no_request_is_lost_by_switching(replica, public, site, interface):
    (site / "app.py").write_text(SITES[interface])
    check_switches(replica, public, interface, 20)
