"""Twenty releases, one after another, on one public socket under load: nobody notices."""

import asyncio

import pytest

from tests.runtime.load import Tally, running
from tests.runtime.sites import SITES

SWITCHES = 20


async def switch_under_load(replica, public, interface):
    tally = Tally()

    def start(number):
        return replica(public=public, name=f"v{number}-1", interface=interface).start().ready()

    def retire(old):
        old.terminate()
        while not old.refuses():
            pass

    old = await asyncio.to_thread(start, 0)
    old.admit()
    async with running(public.getsockname(), tally):
        for number in range(1, SWITCHES + 1):
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
    tally = asyncio.run(switch_under_load(replica, public, interface))
    assert tally.failures == []
    assert {f"v{number}-1".encode() for number in range(SWITCHES + 1)} <= set(tally.answers)
