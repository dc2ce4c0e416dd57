"""Put together what a release is. Pure: nothing is read, nothing is asked.

A process of the release finds in its environment, the later winning: what the image says, supplied values, [run] env,
the values of `pushlive env set`. The release itself holds names, never values, of the last; so it can be printed.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from pushlive.config import quantity
from pushlive.config.schema import CacheSection, RunSection, SiteFile
from pushlive.model.errors import ReleaseError
from pushlive.model.image import Image
from pushlive.model.release import CACHE_VARIABLE, RESERVED, CacheSpec, Release, SuppliedSetting


class Stored(Struct, frozen=True):
    """What `pushlive env set` has put away: the version in force, and the names that have a value in it."""

    version: str = ""
    names: frozenset[str] = frozenset()


class Parts(Struct, frozen=True, kw_only=True):
    """What the stages before have found out about a revision.

    `memcached` is whether the site uses one, `cache_variables` the names it reads for it; `command` is what runs before
    the switch; `data` was detected, and the site file wins over it.
    """

    revision: str
    image: Image
    created: datetime
    server: str
    host: str = "localhost"
    python: str = ""
    command: str = ""
    data: tuple[str, ...] = ()
    supplied: tuple[SuppliedSetting, ...] = ()
    memcached: bool = False
    cache_variables: tuple[str, ...] = ()


def cut(parts: Parts, file: SiteFile, stored: Stored) -> Release:
    """The release of these parts under this site file, without a name: the records give it one.

    Raises ReleaseError when a setting is missing or contradicts.
    """
    _refuse(tuple(_contradictions(file.run)), "[run] in pushlive.toml contradicts itself")
    _require(file.run, stored)
    supplied = _supplied(parts.supplied, file.run, stored)
    return Release(
        name="",
        revision=parts.revision,
        image=parts.image,
        created=parts.created,
        replicas=file.run.replicas,
        server=parts.server,
        env={**_server(file.run), **file.run.env},
        supplied=supplied,
        secrets=tuple(sorted(stored.names)),
        secrets_version=stored.version,
        data=data_paths(file, parts.data),
        command=parts.command,
        cache=_cache(file.cache, parts),
        python=parts.python,
        verify_path=file.verify.path,
        verify_status=file.verify.status,
        verify_contains=file.verify.contains,
        host=parts.host,
        start_timeout=float(file.run.start_timeout),
        verify_timeout=float(file.verify.timeout),
        warm=file.run.warm,
    )


def data_paths(file: SiteFile, detected: tuple[str, ...]) -> tuple[str, ...]:
    """What is kept across releases: what the site file names, else what was detected."""
    return detected if file.data.paths is None else tuple(map(_kept, file.data.paths))


def unset(supplied: tuple[SuppliedSetting, ...], names: Collection[str]) -> tuple[SuppliedSetting, ...]:
    """What is supplied but for the names that the user has set; the value of a secret stays with those that are set."""
    return tuple(one for one in supplied if one.secret or one.name not in names)


def _kept(path: str) -> str:
    """A path as its author writes it, with the slash of a folder where its name looks like one: `media`."""
    return path if path.endswith("/") or PurePosixPath(path).suffix else f"{path}/"


def _server(run: RunSection) -> dict[str, str]:
    return {"PUSHLIVE_THREADS": str(run.threads), "PUSHLIVE_STOP_TIMEOUT": str(run.stop_timeout)}


def _supplied(found: tuple[SuppliedSetting, ...], run: RunSection, stored: Stored) -> tuple[SuppliedSetting, ...]:
    """What is supplied where the user has set nothing, without the value of a secret."""
    if not run.supply:
        return ()
    left = (one for one in unset(found, stored.names) if one.name not in run.env)
    return tuple(replace(one, value="") if one.secret else one for one in left)


def _cache(section: CacheSection | None, parts: Parts) -> CacheSpec | None:
    variables = tuple(sorted({CACHE_VARIABLE, *parts.cache_variables}))
    if section is None:
        return CacheSpec(variables=variables) if parts.memcached else None
    return CacheSpec(
        variables=variables,
        memory=quantity.size(section.memory),
        max_item_size=quantity.size(section.max_item_size),
        connections=section.connections,
        threads=section.threads,
        servers=section.servers,
    )


def _contradictions(run: RunSection) -> Iterator[str]:
    for name in (*run.env, *run.secrets):
        if name.startswith(RESERVED):
            yield f"{name}: names that begin with {RESERVED} are pushlive's own"
    for name in sorted(run.env.keys() & set(run.secrets)):
        yield f"{name}: stands in env, where all can read it, and in secrets"


def _refuse(lines: tuple[str, ...], cause: str) -> None:
    if lines:
        remedy = "Take the names out of [run] in pushlive.toml."
        raise ReleaseError(cause, where="pushlive.toml", evidence=lines, remedy=remedy)


def _require(run: RunSection, stored: Stored) -> None:
    missing = [name for name in run.secrets if name not in stored.names]
    if missing:
        values = " ".join(f"{name}=..." for name in missing)
        raise ReleaseError(
            f"{_listed(missing)} {'has' if len(missing) == 1 else 'have'} no value yet",
            where="pushlive.toml, [run] secrets",
            evidence=[f"pushlive env set {name}=..." for name in missing],
            remedy=f"Run `pushlive env set {values}`, with values in place of the dots.",
        )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
