"""The control socket: requests in, answers out, and a candidate that ends with the connection that wanted it."""

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from pushlive.model.errors import PushliveError, StateError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import launch, logs, places, protocol, unix
from pushlive.rollout.local.groups import OUTPUT_LINES, Group
from pushlive.rollout.local.protocol import Op
from pushlive.rollout.local.rollouts import Rollouts, candidate_output, unready

Answer = dict[str, Any]


class Control:
    """Serves the control socket. `stop` is called once a client wants everything stopped: with True, forgotten too."""

    def __init__(self, home: SiteHome, rollouts: Rollouts, stop: Callable[[bool], Awaitable[None]]) -> None:
        self._home = home
        self._rollouts = rollouts
        self._stop = stop

    async def listen(self) -> asyncio.Server:
        """Take requests from the owner of the site's folder alone."""
        return await asyncio.start_unix_server(
            self._serve, sock=unix.bind(places.control_socket(self._home)), limit=protocol.LIMIT
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._home, self._rollouts, self._stop)
        try:
            await _converse(reader, writer, session)
        except (ConnectionError, ValueError):
            return  # it went away, or sent a line without end
        finally:
            session.close()
            writer.close()


class Session:
    """One client's connection."""

    def __init__(self, home: SiteHome, rollouts: Rollouts, stop: Callable[[bool], Awaitable[None]]) -> None:
        self.committing = False
        self._home = home
        self._rollouts = rollouts
        self._stop = stop
        self._group: Group | None = None

    async def answer(self, line: bytes) -> Answer:
        """Do what a line asks and say how it went."""
        try:
            request = protocol.decode(line)
            return {"ok": await self._do(request)}
        except PushliveError as error:
            return protocol.failure(error)
        except Exception:  # noqa: BLE001 - told to the client and written down: the supervisor must live on
            logs.say(traceback.format_exc())
            log = places.supervisor_log(self._home)
            return protocol.failure(StateError("the supervisor failed at this request", where=str(log)))

    def close(self) -> None:
        """The client is gone: so is its candidate, unless it was committed."""
        if self._group:
            self._rollouts.abandon(self._group)

    async def _do(self, request: dict[str, Any]) -> Answer:  # noqa: PLR0911 - one for each operation
        match request.get("op"):
            case Op.STATUS:
                return {**self._rollouts.status(), "supervisor": os.getpid()}
            case Op.LIVE:
                return {"live": self._rollouts.live_name, "names": self._rollouts.names}
            case Op.CACHE:
                return {"servers": await self._rollouts.cache_for(self._spec(request))}
            case Op.CANDIDATE:
                return await self._candidate(request)
            case Op.ADMIT:
                self._rollouts.admit(self._own())
                return {}
            case Op.COMMIT:
                return await self._commit()
            case Op.ABANDON:
                await self._abandon()
                return {}
            case Op.OUTPUT:
                return {"output": candidate_output(self._own(), OUTPUT_LINES)}
            case Op.STOP:
                self.committing = True
                await self._stop(bool(request.get("forget")))
                return {}
            case other:
                raise StateError(f"the supervisor does not know {other!r}", remedy="`pushlive down`, `pushlive start`.")

    async def _candidate(self, request: dict[str, Any]) -> Answer:
        self.close()
        group = self._group = self._rollouts.propose(self._spec(request))
        try:
            await self._rollouts.start(group)
        except PushliveError:
            self.close()
            raise
        return {"generation": group.generation, "replicas": [replica.describe({}) for replica in group.replicas]}

    async def _abandon(self) -> None:
        self.close()
        if self._group:
            await self._group.until_quiet()

    async def _commit(self) -> Answer:
        group = self._own()
        self.committing = True
        try:
            return {"warnings": await self._rollouts.commit(group)}
        finally:
            self.committing = False

    def _spec(self, request: dict[str, Any]) -> launch.LaunchSpec:
        return launch.read(places.launch_file(self._home, str(request["release"])))

    def _own(self) -> Group:
        if not self._group:
            raise unready("this connection's release")
        return self._group


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session) -> None:
    """Answer line by line. Whoever hangs up while we work ends that work, but neither a commit nor a stop."""
    coming = asyncio.ensure_future(reader.readline())
    try:
        while line := await coming:
            coming = asyncio.ensure_future(reader.readline())
            work = asyncio.ensure_future(session.answer(line))
            await asyncio.wait((work, coming), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and _hung_up(coming) and not session.committing:
                work.cancel()
                await asyncio.wait((work,))
                return
            writer.write(protocol.encode(await work))
            await writer.drain()
    finally:
        coming.cancel()


def _hung_up(coming: "asyncio.Future[bytes]") -> bool:
    return coming.done() and (coming.exception() is not None or not coming.result())
