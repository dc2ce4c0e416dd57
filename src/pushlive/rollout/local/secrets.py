"""Values of secrets: a file a version, for the owner alone, so that an earlier release finds the ones it ran with."""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import StateError
from pushlive.system import locks
from pushlive.system.files import write_atomic

_CURRENT = "current"
_SET_AGAIN = "Set all of them again: `pushlive env set NAME=... NAME=...`."


class SecretStore(Struct, frozen=True):
    """The folder of a site's secrets. Holds no value itself; a version's name says nothing about its values."""

    path: Path

    @property
    def current(self) -> str:
        """The version in force; empty before the first value was set."""
        try:
            return (self.path / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return ""

    def names(self, version: str | None = None) -> tuple[str, ...]:
        """The names that have a value, sorted. Raises StateError."""
        return tuple(sorted(self.values(version)))

    def values(self, version: str | None = None) -> dict[str, str]:
        """The values of a version (None: the one in force). Never print them. Raises StateError."""
        name = self.current if version is None else version
        if not name:
            return {}
        return _read(self.path / f"{name}.json")

    def set(self, values: Mapping[str, str]) -> str:
        """Set values, keep the others; returns the version now in force."""
        with self._locked():
            return self._replace({**self._kept(), **values})

    def unset(self, *names: str) -> str:
        """Forget values, whether they were set or not; returns the version now in force."""
        with self._locked():
            return self._replace({name: value for name, value in self._kept().items() if name not in names})

    def collect(self, keep: Collection[str]) -> None:
        """Remove every version that is neither in `keep` nor in force, and what a killed `set` has left."""
        with self._locked():
            for half in self.path.glob(".*.*"):
                half.unlink(missing_ok=True)
            for file in self.path.glob("*.json"):
                if file.stem not in {*keep, self.current}:
                    file.unlink(missing_ok=True)

    def _locked(self) -> AbstractContextManager[bool]:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        return locks.held(self.path / ".lock")

    def _kept(self) -> dict[str, str]:
        """The values to go on from; none where they are lost, so that they can be set again."""
        try:
            return self.values()
        except StateError:
            return {}

    def _replace(self, values: Mapping[str, str]) -> str:
        if values == self._kept():
            return self.current
        version = os.urandom(8).hex()
        write_atomic(self.path / f"{version}.json", json.dumps(values).encode(), mode=0o600)
        write_atomic(self.path / _CURRENT, version.encode(), mode=0o600)
        return version


def _read(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise StateError(
            f"the values of the secrets, version {file.stem}, are gone", where=str(file), remedy=_SET_AGAIN
        ) from error
    except ValueError:
        # Not `from error`: the decoder's error carries the text that it read.
        raise StateError(f"{file.name} is damaged", where=str(file), remedy=_SET_AGAIN) from None
    return {str(name): str(value) for name, value in values.items()}
