"""Set sites up: a folder, an address, a user, a repository to push to."""

import os
import pwd
import re
import secrets
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pushlive import source
from pushlive.model.errors import MachineError, UsageError
from pushlive.model.home import SITE_NAME, Home
from pushlive.pipeline.context import Context, open_site
from pushlive.rollout.local import SiteRecord, record, sockets
from pushlive.rollout.local.files import lay_out
from pushlive.rollout.local.record import Endpoint
from pushlive.system import files, locks

FIRST_PORT, LAST_PORT = 8000, 8999
ANYWHERE, HERE = "0.0.0.0", "127.0.0.1"  # noqa: S104  # a server's pages are for everybody


def create(
    machine: Home,
    name: str,
    *,
    listen: str | None = None,
    default_host: str = ANYWHERE,
    branch: str = "master",
    origin: Path | None = None,
) -> Context:
    """Make an empty site that `branch` can be pushed to.

    `listen` is HOST:PORT; port 0, or none at all, is the first free one from 8000. Raises UsageError for a name that
    cannot be or is taken, MachineError when the machine does not allow it.
    """
    _check_name(name)
    with files.explained(machine.path):
        machine.path.mkdir(parents=True, exist_ok=True)
    with locks.held(machine.path / "sites.lock"):
        if machine.site(name).record.exists():
            raise UsageError(f"there is a site called {name} already", remedy="`pushlive status` shows it.")
        made = _record(machine, name, listen or f"{default_host}:0", branch=branch, origin=origin)
        _make_folders(machine, made)
        source.create(machine.site(name).repository, python=Path(sys.executable), branch=branch)
        record.save(machine.site(name), made)
    return open_site(machine, name)


def refresh(context: Context) -> None:
    """Bring the repository's settings and its hook to what this pushlive, run by this Python, has."""
    source.create(context.site.repository, python=Path(sys.executable), branch=context.record.branch)


def remove(machine: Home, name: str) -> None:
    """Remove a site that runs nothing, data and history included: at once, so that no half is left of it."""
    graves = machine.path / "removed"
    with files.explained(graves):
        graves.mkdir(mode=0o700, exist_ok=True)
        machine.site(name).path.rename(graves / f"{name}-{secrets.token_hex(4)}")
    for each in graves.iterdir():
        files.remove_tree(each)


def site_name(text: str) -> str:
    """Make a name for a site out of any text, such as a folder's name. Raises UsageError when nothing is left."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    if not name:
        raise UsageError(
            f"{text!r} makes no name for a site", remedy='Write one into pushlive.toml: [site] name = "mysite".'
        )
    return name


def ssh_remote(context: Context) -> str:
    """The remote for people on other machines, who reach this one by ssh as the user the site belongs to."""
    owner = context.site.path.stat().st_uid
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:  # a container may run as a number that has no name
        user = str(owner)
    name = socket.getfqdn()
    host = socket.gethostname() if name.startswith("localhost") else name
    return f"ssh://{user}@{host}{context.site.repository}"


def moved(context: Context, listen: str) -> SiteRecord:
    """The record of a site that is to listen elsewhere. Raises as `create` does, and MachineError for a taken port."""
    with locks.held(context.home.path / "sites.lock"):
        place = _place(context.home, listen)
    if place.endpoint.port not in {endpoint.port for endpoint in context.record.endpoints}:
        sockets.require_free(place.endpoint)
    return replace(context.record, listen=(str(place.endpoint),), url=place.url, hosts=place.hosts)


def _check_name(name: str) -> None:
    if not SITE_NAME.fullmatch(name):
        raise UsageError(
            f"{name[:60]!r} cannot be the name of a site",
            remedy="Use 1 to 40 of a-z, 0-9 and '-', with a letter or a digit at both ends.",
        )


class _Place(NamedTuple):
    """Where a site listens, and how people and the site's own checks call that."""

    endpoint: Endpoint
    url: str
    hosts: tuple[str, ...]


def _place(machine: Home, listen: str) -> _Place:
    endpoint = _endpoint(machine, listen)
    host = socket.gethostname() if endpoint.host in {ANYWHERE, "::"} else endpoint.host
    shown = f"[{host}]" if ":" in host else host
    port = "" if endpoint.port == 80 else f":{endpoint.port}"  # noqa: PLR2004
    return _Place(endpoint, f"http://{shown}{port}/", tuple(dict.fromkeys((host, "localhost", HERE))))


def _record(machine: Home, name: str, listen: str, *, branch: str, origin: Path | None) -> SiteRecord:
    place = _place(machine, listen)
    return SiteRecord(
        name=name,
        listen=(str(place.endpoint),),
        probe_key=secrets.token_hex(32),
        created=datetime.now(UTC),
        branch=branch,
        url=place.url,
        hosts=place.hosts,
        account=record.free_account(machine) if os.geteuid() == 0 else None,
        source=origin,
    )


def _endpoint(machine: Home, listen: str) -> Endpoint:
    host, _, port = listen.rpartition(":")
    if port != "0":
        return Endpoint.parse(listen)
    known = [each for each in record.load_each(machine).values() if isinstance(each, SiteRecord)]
    taken = {endpoint.port for each in known for endpoint in each.endpoints}
    return Endpoint.parse(f"{host}:{_free_port(host.strip('[]'), taken)}")


def _free_port(host: str, taken: Iterable[int]) -> int:
    used = set(taken)
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if port not in used and _is_free(host, port):
            return port
    raise MachineError(
        f"every port from {FIRST_PORT} to {LAST_PORT} is taken", remedy="Choose one with --listen HOST:PORT."
    )


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _make_folders(machine: Home, made: SiteRecord) -> None:
    """Every user may pass to the sites and list none; each site's folder says who may go on."""
    folder = machine.path / "sites"
    with files.explained(folder):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
    lay_out(machine.site(made.name), made.account)
