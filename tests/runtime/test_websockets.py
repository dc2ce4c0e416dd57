"""Websockets: through the gate, closed in order when their replica stops, at once taken up by the next."""

import asyncio

import pytest
import websockets
from websockets.asyncio.client import connect

from tests.runtime.sites import ASGI

RESTART = 1012


@pytest.fixture(autouse=True)
def _app(site):
    (site / "app.py").write_text(ASGI)


async def say(client, text):
    await client.send(text)
    return await client.recv()


def url(public):
    return "ws://{}:{}/".format(*public.getsockname())


def test_a_websocket_is_closed_in_order_and_reconnects_to_the_new_release(replica, public):
    old = replica(public=public, name="v1-1", interface="asgi").start().ready()
    old.admit()
    new = replica(public=public, name="v2-1", interface="asgi").start().ready()

    async def talk():
        async with connect(url(public), proxy=None) as client:
            assert await say(client, "one") == "v1-1 one"
            new.admit()
            old.terminate()
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await client.recv()
        assert closed.value.rcvd.code == RESTART
        assert closed.value.rcvd_then_sent
        async with connect(url(public), proxy=None) as client:
            assert await say(client, "two") == "v2-1 two"

    asyncio.run(talk())
    assert old.wait() == 0
    assert f"disconnected {RESTART}" in old.log.read_text()
    assert "lifespan.shutdown" in old.log.read_text()


def test_a_client_that_does_not_answer_the_close_does_not_hold_up_the_stop(replica, public):
    one = replica(public=public, interface="asgi").start().ready()
    one.admit()

    async def stay_silent():
        reader, writer = await asyncio.open_connection(*public.getsockname())
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        one.terminate()
        frame = await reader.readexactly(4)
        assert frame[0] == 0x88
        assert int.from_bytes(frame[2:4], "big") == RESTART
        assert await asyncio.to_thread(one.wait) == 0
        writer.close()

    asyncio.run(stay_silent())


def test_many_websockets_and_requests_end_together(replica, public):
    one = replica(public=public, interface="asgi").start().ready()
    one.admit()

    async def hold():
        clients = [await connect(url(public), proxy=None) for _ in range(20)]
        reader, writer = await asyncio.open_connection(*public.getsockname())
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.gather(*(say(client, "hello") for client in clients))
        one.terminate()
        answers = await asyncio.gather(*(client.recv() for client in clients), return_exceptions=True)
        assert {answer.rcvd.code for answer in answers} == {RESTART}
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        writer.close()
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(hold())
    assert one.wait() == 0
