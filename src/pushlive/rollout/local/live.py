"""Which release is live: the one durable fact of the engine."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pushlive.model.errors import StateError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import places
from pushlive.system.files import sync_folder, write_atomic


class Live(Struct, frozen=True):
    """What live.json says. `generation` is the rollout's, `stopped` whether it was stopped on purpose."""

    release: str
    generation: int
    stopped: bool = False


def read(home: SiteHome) -> Live | None:
    """What is live; None before the first commit.

    It is durable, so no power cut damages it. Raises StateError when something else has.
    """
    path = places.live_file(home)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Live)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        remedy = f"`rm {path}`, and `pushlive start`: what was live is on record."
        raise StateError(f"{path.name} is damaged: {error}", where=str(path), remedy=remedy) from error


def name(home: SiteHome) -> str | None:
    """The live release's name; None before the first commit."""
    found = read(home)
    return found.release if found else None


def write(home: SiteHome, live: Live) -> None:
    """Make a fact of it, durably. Raises MachineError when the disk is full."""
    write_atomic(places.live_file(home), msgspec.json.encode(live), mode=0o600)


def stop(home: SiteHome) -> None:
    """Have what is live be stopped on purpose: no start of the machine starts it."""
    if found := read(home):
        write(home, replace(found, stopped=True))


def forget(home: SiteHome) -> None:
    """Have no release live, durably."""
    places.live_file(home).unlink(missing_ok=True)
    sync_folder(home.run)
