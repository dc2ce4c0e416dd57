"""A site as the pipeline works on it: its folder, its record, its engine, its history."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pushlive.model.errors import PushliveError, UsageError
from pushlive.model.home import Home, SiteHome
from pushlive.model.image import Layer
from pushlive.rollout.local import record
from pushlive.rollout.local.record import SiteRecord

if TYPE_CHECKING:
    from pushlive.history import History
    from pushlive.image.layout import Layout
    from pushlive.rollout.engine import Engine
    from pushlive.rollout.local import SecretStore


class Context(Struct, frozen=True):
    """One site. `home` is the machine's state folder, `site` the site's own part of it.

    What a property needs is imported with it: a push that delivers nothing needs none of it.
    """

    home: Home
    site: SiteHome
    record: SiteRecord

    @property
    def engine(self) -> "Engine":
        """Where the site's releases run."""
        from pushlive.rollout.local import LocalEngine  # noqa: PLC0415

        return LocalEngine(self.site, self.record, unpack=self._unpack)

    @property
    def history(self) -> "History":
        """The site's deliveries and releases; a context manager."""
        from pushlive.history import History  # noqa: PLC0415

        return History(self.site.history)

    @property
    def images(self) -> "Layout":
        """The site's images."""
        from pushlive.image.layout import Layout  # noqa: PLC0415

        return Layout(self.site.images)

    @property
    def secrets(self) -> "SecretStore":
        """The values that `pushlive env set` keeps."""
        from pushlive.rollout.local import SecretStore  # noqa: PLC0415

        return SecretStore(self.site.secrets)

    def _unpack(self, layer: Layer, into: Path) -> None:
        from pushlive.image.unpack import unpack  # noqa: PLC0415

        unpack(self.images, layer, into)


def home() -> Home:
    """The state folder: PUSHLIVE_HOME, or /var/lib/pushlive for root and the XDG state folder for others.

    Raises MachineError when its sites are another user's.
    """
    found = _home()
    with suppress(FileNotFoundError):
        record.require_ours(found.path / "sites", "the state folder")
    return found


def _home() -> Home:
    if wanted := os.environ.get("PUSHLIVE_HOME"):
        return Home(Path(wanted).absolute())
    if os.geteuid() == 0:
        return Home(Path("/var/lib/pushlive"))
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Home(Path(state) / "pushlive")


def open_site(machine: Home, name: str) -> Context:
    """Open the site called `name`. Raises UsageError when there is none, and says which there are."""
    site = machine.site(name)
    if not site.is_set_up:
        known = ", ".join(each.name for each in machine.sites) or "none yet"
        raise UsageError(
            f"there is no site called {name!r} here",
            where=str(machine.path),
            remedy=f"Sites here: {known}. `pushlive up` or `pushlive create NAME` makes one.",
        )
    return Context(machine, site, record.load(site))


def find_site(machine: Home, wanted: str | None, folder: Path) -> Context:
    """Open the site a command means: `wanted`, else the one set up from `folder`, else the only one there is.

    Raises UsageError when that leaves none, or more than one, and what `open_site` raises. A site that cannot be opened
    keeps nobody from another one.
    """
    if wanted:
        return open_site(machine, wanted)
    known = record.load_each(machine)
    here = [name for name, found in known.items() if isinstance(found, SiteRecord) and _is_from(found, folder)]
    chosen = here or [name for name in known if name == folder.name] or list(known)
    if len(chosen) == 1:
        return open_site(machine, chosen[0])
    if not chosen:
        raise UsageError("there is no site here yet", remedy="`pushlive up` in a repository makes one.")
    unread = {name: found for name, found in known.items() if isinstance(found, PushliveError)}
    raise UsageError(
        "which site?",
        evidence=[
            ", ".join(chosen),
            *(f"{name} cannot be opened: {error.cause} ({error.where})" for name, error in unread.items()),
        ],
        remedy="\n".join(["Say it with --site NAME.", *(error.remedy for error in unread.values())]),
    )


def _is_from(site: SiteRecord, folder: Path) -> bool:
    return site.source is not None and (folder == site.source or site.source in folder.parents)
