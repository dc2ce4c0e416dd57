"""Twenty releases, one after another, on one public socket under load: nobody notices."""

import asyncio

import pytest
from tests.runtime.load import Tally, running

WSGI = """
import os, time

def application(environ, start_response):
    time.sleep(0.002)
    body = os.environ["PUSHLIVE_REPLICA"].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
SWITCHES = 20


async def switch_under_load(replica, public, **settings):
    tally = Tally()
    old = await asyncio.to_thread(replica(public=public, name="v0-1", **settings).start().ready)
    old.admit()
    async with running(public.getsockname(), tally):
        for number in range(1, SWITCHES + 1):
            new = replica(public=public, name=f"v{number}-1", **settings).start()
            await asyncio.to_thread(new.ready)
            new.admit()
            await asyncio.sleep(0.1)
            old.terminate()
            while not old.refuses():
                await asyncio.sleep(0.005)
            old = new
        await asyncio.sleep(0.2)
    return tally


def test_no_request_is_lost_by_switching(replica, public, site):
    (site / "app.py").write_text(WSGI)
    tally = asyncio.run(switch_under_load(replica, public))
    assert tally.failures == []
    assert {f"v{number}-1".encode() for number in range(SWITCHES + 1)} <= set(tally.answers)
    print(tally.answered)
