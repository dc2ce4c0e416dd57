"""The base image of a site's images: which one, held to what, fetched, and looked at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread

import msgspec
from msgspec import Struct

from pushlive.config import lock
from pushlive.config.load import load as load_site
from pushlive.config.lock import BaseLock
from pushlive.config.site import Site
from pushlive.image import base as bases
from pushlive.image import interpreter
from pushlive.image.base import Base
from pushlive.image.base_facts import Facts
from pushlive.image.build import architecture
from pushlive.image.foundation import look
from pushlive.image.layout import Layout
from pushlive.model.errors import BuildError, SettingsError
from pushlive.model.events import Event, Report, silent
from pushlive.model.home import Home
from pushlive.model.image import Descriptor, Digest, Platform
from pushlive.registry import pull
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from pushlive.system import locks
from pushlive.system.files import write_atomic

_LARGEST_CONFIG = 4 * 1024 * 1024
"""Bytes, as many as a manifest may have (distribution-spec): it is read whole."""

DEFAULT = "python:{python}-slim"
"""The base of a site that names none: the official image of its Python, without compilers and manuals."""


class Standing(Struct, frozen=True):
    """A base that is on this machine, and what it offers."""

    base: Base
    facts: Facts


def store(home: Home) -> Layout:
    """Where base images are kept, for all sites of the machine."""
    return Layout(home.cache / "bases")


def wanted(site: Site, tree: Path, python: str, named: str = "") -> Reference:
    """Which base is to be taken: `named`, else the site file's, else the default for `python`; as the lock holds it.

    Raises SettingsError for a lock that is of another base, UsageError for what is no image's name.
    """
    reference = _meant(site, lambda: python, named)
    path = _lock_of(site)
    held = lock.read(tree, path)
    if held is None or reference.digest:
        return reference
    if held.name != name_of(reference):
        raise SettingsError(
            f"{path} holds {held.name} to a digest, and the base is {name_of(reference)}",
            where=path,
            remedy="Write it anew and commit it: `pushlive image lock`.",
        )
    return reference.tagged(reference.tag or "latest").at(held.digest)


def name_of(reference: Reference) -> str:
    """A base's whole name with its tag; one that is named by its digest alone has that."""
    return str(reference if reference.digest and not reference.tag else reference.tagged(reference.tag or "latest"))


class Coming:
    """Bases on their way for several platforms, one after the other, while something else is done.

    The thread ends with the process: what it has of a layer by then is gone on with another time.
    """

    def __init__(self, home: Home, reference: Reference, platforms: Sequence[Platform], insecure: bool) -> None:
        self.reference = reference
        self._found: Future[tuple[Standing, ...]] = Future()
        self._listener: Report = silent
        Thread(target=self._fetch, args=(home, platforms, insecure), daemon=True).start()

    def wait(self, report: Report) -> tuple[Standing, ...]:
        """Wait for them; from now on their progress is told. Raises as `fetch`."""
        self._listener = report
        return self._found.result()

    def _fetch(self, home: Home, platforms: Sequence[Platform], insecure: bool) -> None:
        def report(event: Event) -> None:
            self._listener(event)

        try:
            found = tuple(fetch(home, self.reference, each, report, insecure=insecure) for each in platforms)
            self._found.set_result(found)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._found.set_exception(error)


def fetch(home: Home, reference: Reference, platform: Platform, report: Report, *, insecure: bool = False) -> Standing:
    """See that a base is on this machine, and look at it. Raises RegistryError, BuildError, MachineError."""
    layout = store(home)
    repository = Repository(reference, insecure=insecure)
    with _in_use(home):
        found = pull.resolve(repository, platform, layout)
        _require_small(found.config, reference)
        pull.fetch(repository, (found.config, *found.layers), layout, report=report)
        base = bases.read(
            name_of(reference),
            found.image.digest,
            found.image.json(),
            bases.configuration(name_of(reference), layout.get(found.config.digest)),
        )
        facts = _facts(layout, base, found.named)
    if (base.platform.os, base.platform.architecture) != (platform.os, platform.architecture):
        raise BuildError(
            f"the base image {name_of(reference)} is for {base.platform}, not for {platform}",
            where="[build] base",
            remedy=f"Name one that has {platform}, or build for {base.platform}.",
        )
    return Standing(base, facts)


def _require_small(config: Descriptor, reference: Reference) -> None:
    if config.size > _LARGEST_CONFIG:
        raise BuildError(
            f"the configuration of the base image {name_of(reference)} has {config.size:,} bytes: no image needs that",
            where="[build] base",
            remedy="Name another one.",
        )


def lock_base(home: Home, folder: Path, report: Report, *, insecure: bool = False) -> BaseLock:
    """Look up what the base of the site in `folder` stands for now, and write that into the site's lock file.

    Raises SettingsError, RegistryError, and MachineError when no Python fits a site that leaves its base open.
    """
    site = load_site(folder)
    reference = _meant(site, lambda: _python(home, site, report))
    with _in_use(home):
        found = pull.resolve(Repository(reference, insecure=insecure), Platform("linux", architecture()), store(home))
    held = BaseLock(name_of(reference), found.named)
    write_atomic(folder / _lock_of(site), lock.text(held).encode())
    return held


def _meant(site: Site, python: Callable[[], str], named: str = "") -> Reference:
    """The base without its lock; `python` is asked for the site's minor version where the site leaves its base open."""
    return Reference.parse(named or site.file.build.base or DEFAULT.format(python=python()))


def _python(home: Home, site: Site, report: Report) -> str:
    return interpreter.choose(site.python, cache=home.cache, report=report).interpreter.minor


def _lock_of(site: Site) -> str:
    """Where its lock lies in the tree."""
    return site.file.build.lock or lock.FILE


def forget(home: Home, *, unused_for: float, now: float) -> int:
    """Remove the bases that no build has stood on in `unused_for` seconds, of `now` since 1970; the bytes freed.

    Nothing is removed while one is fetched: it is done another time.
    """
    layout = store(home)
    with _in_use(home, wait=False) as mine:
        if not mine:
            return 0
        kept = set[Digest]()
        for file in _records(layout).glob("*.json"):
            known = _record(file)
            if known is None or file.stat().st_mtime < now - unused_for:
                file.unlink()
            else:
                kept |= {Digest(f"sha256:{file.stem}"), known.named}
        return layout.prune(kept)


class _Record(Struct, frozen=True):
    """What is known of a base: the digest that its name stood for, and what it offers."""

    named: Digest
    facts: Facts


def _facts(layout: Layout, base: Base, named: Digest) -> Facts:
    """What the base offers; found out once for each digest."""
    file = _records(layout) / f"{base.digest.hex}.json"
    known = _record(file)
    if known and known.named == named:
        os.utime(file)
        return known.facts
    facts = known.facts if known else look(layout, base)
    write_atomic(file, msgspec.json.encode(_Record(named, facts)))
    return facts


def _record(file: Path) -> _Record | None:
    """What a file says; None for one that is not there or damaged: it is found out again."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _records(layout: Layout) -> Path:
    return layout.path / "facts"


def _in_use(home: Home, *, wait: bool = True) -> AbstractContextManager[bool]:
    """Nobody else fetches a base, or removes one, while this is held."""
    return locks.held(home.cache / "bases.lock", wait=wait)
