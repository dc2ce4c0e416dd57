"""Find the Python a site asks for: one that is here, a copy of one, one that uv fetches, or the nearest newer one."""

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pushlive.config.site import PythonWish
from pushlive.image import survey
from pushlive.image.survey import Answers, Interpreter
from pushlive.image.transplant import reachable, transplant
from pushlive.image.uv import install_python
from pushlive.model.errors import MachineError, SettingsError
from pushlive.model.events import Note, Report, silent
from pushlive.system.files import write_atomic
from pushlive.system.process import Account

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

WELL_KNOWN = ("3.11", "3.12", "3.13")
"""The versions that a site without a wish gets, because today's packages have wheels for them."""

_RETRY = 3600.0
"""Seconds until uv is asked again for a Python that it could not fetch."""


class Choice(Struct, frozen=True):
    """The interpreter for a site, and what the user should know about it ("" when it is what was asked for)."""

    interpreter: Interpreter
    note: str = ""


def choose(
    wish: PythonWish,
    *,
    cache: Path,
    account: Account | None = None,
    report: Report = silent,
) -> Choice:
    """Find the Python for a site whose processes run as `account` (None: as us). `cache` is the machine's cache.

    The newest one that will do, before all others those that `account` can run as they are; without a wish the
    system's. A choice is remembered for as long as its binary is the same, which costs one stat. Raises MachineError
    when there is none, SettingsError when the wish is not a version specifier.
    """
    memory = _Memory(cache / "pythons", wish, account)
    if known := memory.recall():
        return known
    choice = _Search(wish, cache / "pythons", account, report).choose()
    memory.keep(choice)
    return choice


def of_minor(minor: str, *, cache: Path, account: Account | None = None, report: Report = silent) -> Interpreter | None:
    """A Python of exactly this minor version (`3.13`) that `account` can run: one that is here, or that uv fetches."""
    wish = PythonWish(f"=={minor}.*", "the base image")
    try:
        found = choose(wish, cache=cache, account=account, report=report).interpreter
    except MachineError:
        return None
    return found if found.minor == minor else None


class _Memory:
    """Remembers a choice that is what was asked for; anything less is searched for anew, as it may have come."""

    def __init__(self, pythons: Path, wish: PythonWish, account: Account | None) -> None:
        whom = f"{account.uid}:{account.gid}" if account else "us"
        name = hashlib.sha256(f"{wish.specifier}\n{whom}".encode()).hexdigest()[:16]
        self._file = pythons / "choices" / f"{name}.json"

    def recall(self) -> Choice | None:
        try:
            known = json.loads(self._file.read_bytes())
            interpreter = survey.from_json(known)
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return Choice(interpreter) if known["stamp"] == survey.stamp_of(interpreter.path) else None

    def keep(self, choice: Choice) -> None:
        if not choice.note:
            stamp = {"stamp": survey.stamp_of(choice.interpreter.path)}
            write_atomic(self._file, json.dumps(stamp | survey.to_json(choice.interpreter)).encode())


class _Search(Struct, frozen=True):
    wish: PythonWish
    pythons: Path
    account: Account | None
    report: Report

    def choose(self) -> Choice:
        """Search in the order of what it costs."""
        wanted = specifiers(self.wish)
        found = self._found()
        fitting = [one for one in found if one.version in wanted]
        ready = self._ready(fitting) or self._ready(self._fetched(wanted, found))
        if ready:
            return Choice(ready)
        near = nearest(wanted, found)
        ready = self._ready(near)
        if not ready:
            raise self._none(found)
        return Choice(ready, self._instead(ready))

    def _found(self) -> list[Interpreter]:
        self.pythons.mkdir(parents=True, exist_ok=True)
        answers = Answers(self.pythons / "answers.json")
        places = survey.binaries(survey.folders(os.environ, self.pythons))
        asked = [answers.of(path) for path, version in places.items() if version >= survey.OLDEST]
        answers.save()
        return [one for one in asked if one and one.usable]

    def _ready(self, fitting: Sequence[Interpreter]) -> Interpreter | None:
        """The best of them that `account` can run, or a copy of the best that it cannot."""
        ranked = sorted(fitting, key=self._rank, reverse=True)
        ready = next((one for one in ranked if reachable(one, self.account)), None)
        if ready:
            return ready
        copies = (transplant(one, self.pythons, self.account) for one in ranked)
        return next((copy for copy in copies if copy and copy.usable), None)

    def _rank(self, one: Interpreter) -> tuple[bool, bool, tuple[int, ...], bool]:
        free = not self.wish.specifier
        return (free and one.minor in WELL_KNOWN, free and one.system, one.number, one.system)

    def _fetched(self, wanted: "SpecifierSet", found: Sequence[Interpreter]) -> list[Interpreter]:
        """What uv installs for the wish; nothing when another patch of the same version is here, or without network."""
        if any(one.minor == base for one in found for base in _exact_minors(wanted)):
            return []
        failed = self.pythons / "choices" / f"{hashlib.sha256(str(wanted).encode()).hexdigest()[:16]}.failed"
        if failed.exists() and time.time() - failed.stat().st_mtime < _RETRY:
            return []
        self.report(Note(f"Python {self.wish.specifier} is not on this machine; asking uv for it"))
        if not install_python(str(wanted), self.pythons):
            write_atomic(failed, b"")
            return []
        return [one for one in self._found() if one.version in wanted]

    def _instead(self, ready: Interpreter) -> str:
        wanted = f"Python {self.wish.specifier} is wanted ({self.wish.origin})"
        return f"{wanted} and not here; Python {ready.version} takes its place"

    def _none(self, found: Sequence[Interpreter]) -> MachineError:
        here = ", ".join(sorted({one.version for one in found})) or "none that a site can run on"
        return MachineError(
            f"no Python {self.wish.specifier or '3'} on this machine; found {here}",
            where=self.wish.origin if self.wish.specifier else "",
            remedy=f"Install one (`uv python install {_simple(self.wish.specifier)}`), or ask for another by "
            '`python = "…"` under [build].',
        )


def specifiers(wish: PythonWish) -> "SpecifierSet":
    """The wish as packaging has it. Raises SettingsError."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 15 ms the hot path does without

    try:
        return SpecifierSet(wish.specifier)
    except InvalidSpecifier:
        raise SettingsError(
            f"{wish.specifier!r} does not name a Python version",
            where=wish.origin,
            remedy="Write it like >=3.12,<3.14.",
        ) from None


def nearest(wanted: "SpecifierSet", found: Sequence[Interpreter]) -> list[Interpreter]:
    """The ones that may stand in: another patch of the version that is asked for, else the next newer version."""
    minors = _exact_minors(wanted)
    same = [one for one in found if one.minor in minors]
    mentioned = [_number(spec.version) for spec in wanted]
    newer = sorted((one for one in found if mentioned and one.number > max(mentioned)), key=lambda one: one.number)
    return same or [one for one in newer if one.minor == newer[0].minor]


def _exact_minors(wanted: "SpecifierSet") -> set[str]:
    exact = (spec.version.split(".") for spec in wanted if spec.operator in {"==", "===", "~="})
    return {".".join(parts[:2]) for parts in exact if len(parts) > 2 and parts[2] != "*"}  # noqa: PLR2004 - a patch


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _simple(specifier: str) -> str:
    match = re.search(r"3\.\d+", specifier)
    return match[0] if match else "3.13"
