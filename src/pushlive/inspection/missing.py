"""Which names an exception says the environment lacks. Pure."""

import re
from collections.abc import Iterator, Sequence

from pushlive.inspection.values import Failure, Observation, Read

_NOT_ABOUT_NAMES = {"SyntaxError", "IndentationError", "ModuleNotFoundError", "ImportError", "OperationalError"}
_EMPTY_KEY = "SECRET_KEY setting must not be empty"


def names(observation: Observation) -> tuple[str, ...]:
    """The unset names that made the site fail; none when it failed for another reason.

    Named by the exception itself, or by one it was raised from; else, when it stumbled over None, the name that was
    read without a default on that line, or last before it.
    """
    failure = observation.failure
    if failure is None or failure.type in _NOT_ABOUT_NAMES:
        return ()
    if _EMPTY_KEY in failure.message:
        return tuple(read.name for read in observation.reads if "SECRET_KEY" in read.flows)[:1]
    unset = [read for read in observation.reads if not read.present]
    return _named(failure, unset) or _fields(failure) or tuple(_stumbled(failure, unset))


def _named(failure: Failure, unset: Sequence[Read]) -> tuple[str, ...]:
    for kind, message in ((failure.type, failure.message), *failure.causes):
        if kind == "KeyError":
            found = tuple(read.name for read in unset if read.name == message)
        else:
            found = tuple(read.name for read in unset if _says(message, read.name))
        if found:
            return found
    return ()


def _says(message: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", message) is not None


def _fields(failure: Failure) -> tuple[str, ...]:
    """pydantic-settings reads the whole environment at once and names its fields; the names are those in capitals."""
    return tuple(name.upper() for name in failure.fields)


def _stumbled(failure: Failure, unset: Sequence[Read]) -> Iterator[str]:
    if "NoneType" not in failure.message and "None" not in failure.message.split():
        return
    file = failure.where.rpartition(":")[0]
    bare = [read for read in unset if read.bare]
    here = [read for read in bare if failure.where in read.where]
    same_file = [read for read in bare if any(place.startswith(f"{file}:") for place in read.where)]
    yield from (read.name for read in (here or same_file[-1:]))
