"""Where things are kept on the machine that runs the sites."""

import re
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import MachineError

SITE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""1 to 40 of a-z, 0-9 and '-', beginning and ending with a letter or a digit."""


class SiteHome(Struct, frozen=True):
    """One site's folder. Nothing of a site is outside of it."""

    path: Path

    @property
    def name(self) -> str:
        """The site's name."""
        return self.path.name

    @property
    def is_set_up(self) -> bool:
        """Whether there is such a site. One that we may not look into counts: whoever opens it is told whose it is."""
        try:
            return self.record.is_file()
        except PermissionError:
            return True

    @property
    def repository(self) -> Path:
        """The bare repository that is pushed to."""
        return self.path / "repo.git"

    @property
    def record(self) -> Path:
        """What was decided once for the site: address, user, probe key."""
        return self.path / "site.json"

    @property
    def assembled(self) -> Path:
        """Which images on a base were put together from what, as long as they are in the layout."""
        return self.path / "on-base"

    @property
    def supplied(self) -> Path:
        """What the last build was supplied with, as long as there is no release; no value of a secret."""
        return self.path / "supplied.json"

    @property
    def ran_with(self) -> Path:
        """Which Python and which packages the settings were last asked with, for an image on a base."""
        return self.path / "ran-with.json"

    @property
    def images(self) -> Path:
        """An OCI image layout."""
        return self.path / "images"

    @property
    def bytecode(self) -> Path:
        """The bytecode of the site's own modules, by content."""
        return self.path / "bytecode"

    @property
    def layers(self) -> Path:
        """Unpacked layers that releases share, by digest."""
        return self.path / "layers"

    @property
    def releases(self) -> Path:
        """One folder a release, named for it."""
        return self.path / "releases"

    @property
    def data(self) -> Path:
        """What the site keeps across releases; the site's user writes here and nowhere else."""
        return self.path / "data"

    @property
    def secrets(self) -> Path:
        """The values of the secrets, one file a version, readable by the owner alone."""
        return self.path / "secrets"

    @property
    def history(self) -> Path:
        """The SQLite database of deliveries and releases."""
        return self.path / "history.sqlite"

    @property
    def run(self) -> Path:
        """Sockets, process ids and locks."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """Log files of the replicas, memcached and the supervisor."""
        return self.path / "log"

    @property
    def work(self) -> Path:
        """Scratch space of a running delivery; safe to delete between deliveries."""
        return self.path / "work"


class Home(Struct, frozen=True):
    """The state folder of this machine (PUSHLIVE_HOME)."""

    path: Path

    def site(self, name: str) -> SiteHome:
        """The folder of the site called `name`, whether it exists or not."""
        return SiteHome(self.path / "sites" / name)

    @property
    def sites(self) -> tuple[SiteHome, ...]:
        """Every site that has been set up here, by name. Raises MachineError when the folder is another user's."""
        folder = self.path / "sites"
        try:
            found = sorted(map(SiteHome, folder.iterdir()), key=lambda site: site.name)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except PermissionError as error:
            raise MachineError(
                "the state folder belongs to another user",
                where=str(folder),
                remedy="Run the command as that user, or set PUSHLIVE_HOME to a folder of yours.",
            ) from error
        return tuple(site for site in found if site.is_set_up)

    @property
    def cache(self) -> Path:
        """What can be made again: wheels, dependency layers, interpreters."""
        return self.path / "cache"
