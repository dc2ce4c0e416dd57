"""Which names an exception says the environment lacks, or has a stand-in for. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from pushlive.inspection.values import Failure, Job, Observation, Read

_NOT_ABOUT_NAMES = {"SyntaxError", "IndentationError", "ModuleNotFoundError", "ImportError", "OperationalError"}
_MODULE = re.compile(r"\w+(\.\w+)+")
_SHORTEST = 3
"""Characters of a stand-in that are found in a message by more than chance."""
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


def shown(failure: Failure, reads: Sequence[Read], stood_in: Mapping[str, str]) -> tuple[str, ...]:
    """The names whose stand-in the exception, or one it was raised from, quotes; of several those that were read."""
    said = [failure.message, *(message for _, message in failure.causes)]
    found = [name for name, value in stood_in.items() if any(_quotes(text, value) for text in said)]
    read = [each.name for each in reads if each.name in found]
    return tuple(read or found)


def _quotes(message: str, value: str) -> bool:
    """Of the name of a module, Python says the part that it could not find."""
    parts = {value, value.partition(".")[0]} if _MODULE.fullmatch(value) else {value}
    return any(len(part) >= _SHORTEST and _says(message, part) for part in parts)


def read_at(failure: Failure, reads: Sequence[Read], stood_in: Mapping[str, str]) -> tuple[str, ...]:
    """The names with a stand-in that were read on the line that failed."""
    return tuple(read.name for read in reads if read.name in stood_in and failure.where in read.where)


def is_about(failure: Failure, reads: Sequence[Read], stood_in: Mapping[str, str]) -> bool:
    """Whether a value in place of a stand-in may mend it: in the settings almost any error may be about one."""
    if failure.phase == Job.SETTINGS and failure.type not in _NOT_ABOUT_NAMES:
        return True
    return bool(shown(failure, reads, stood_in) or read_at(failure, reads, stood_in))


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
