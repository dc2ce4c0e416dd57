"""What was decided once for a site: its address, its user, its key."""

import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from pushlive.model.errors import MachineError, PushliveError, SettingsError, StateError
from pushlive.model.home import Home, SiteHome
from pushlive.system.files import write_atomic
from pushlive.system.process import Account

FIRST_UID = 64000
"""Numeric users of sites begin here: below the 16-bit end, above what Debian gives to people and services."""

LAST_UID = 64999

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on; an IPv6 host is written without brackets here."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read `127.0.0.1:8000`, `[::]:80` or `:8000` (every IPv4 address). Raises SettingsError."""
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT or (":" in host and not bracketed):
            raise SettingsError(
                f"listen: {text[:80]!r} is not an address and a port",
                remedy='Write it as "127.0.0.1:8000" or "[::]:80".',
            )
        return cls(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - what was asked for

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site as it was set up. `listen` are host:port texts, the first one is the one people are told.

    `account` is the user its code runs as, None for ours. `source` is the repository that `up` started from.
    """

    name: str
    listen: tuple[str, ...]
    probe_key: str = field(repr=False)
    created: datetime
    branch: str = "master"
    url: str = ""
    hosts: tuple[str, ...] = ()
    account: Account | None = None
    source: Path | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the site listens. Raises SettingsError."""
        return tuple(Endpoint.parse(text) for text in self.listen)


def save(home: SiteHome, record: SiteRecord) -> None:
    """Write site.json, durably, for the owner alone: the probe key is in it. Raises MachineError."""
    text = msgspec.json.format(msgspec.json.encode(record, enc_hook=str), indent=2)
    write_atomic(home.record, text + b"\n", mode=0o600)


def require_ours(path: Path, what: str) -> None:
    """Raise MachineError unless `path` is ours, FileNotFoundError when there is none.

    Root is nobody's owner but its own: it would run, as root, the code of a site that has no user of its own.
    """
    try:
        owner = path.stat().st_uid
    except PermissionError:
        owner = None
    if owner != os.geteuid():
        raise MachineError(
            f"{what} belongs to another user",
            where=str(path),
            remedy=f"Run the command as {'the user who set it up' if owner is None else _user(owner)}.",
        )


def load(home: SiteHome) -> SiteRecord:
    """Read site.json. Raises StateError when it is not there or damaged, MachineError when it is not ours."""
    try:
        require_ours(home.record, f"the site {home.name}")
        return msgspec.convert(_known(home.record.read_bytes()), SiteRecord, dec_hook=_path)
    except FileNotFoundError as error:
        raise StateError(f"there is no site called {home.name} here", where=str(home.record)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(
            f"site.json is damaged: {error}",
            where=str(home.record),
            remedy=f"Put it back from a backup, or set the site up anew: move {home.path} away before. What it kept is "
            "in data/ there.",
        ) from error


def load_each(home: Home) -> dict[str, SiteRecord | PushliveError]:
    """What `load` gives or raises for each site, by name: one that cannot be read hides no other."""
    found: dict[str, SiteRecord | PushliveError] = {}
    for site in home.sites:
        try:
            found[site.name] = load(site)
        except PushliveError as error:
            found[site.name] = error
    return found


def _known(text: bytes) -> Any:
    """What site.json says; an account may stand there as a pair too, uid and gid."""
    plain = msgspec.json.decode(text)
    if isinstance(plain, dict) and isinstance(account := plain.get("account"), list):
        plain["account"] = dict(zip(("uid", "gid"), account, strict=False))
    return plain


def _path(kind: type[Path], text: str) -> Path:
    return kind(text)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def free_account(home: Home) -> Account:
    """A user for a new site: one that no other site has and /etc/passwd does not know. Raises StateError.

    Two state folders on one machine know nothing of each other, so each begins elsewhere in the range.

    Hold the lock of the home while you choose one and write it into site.json.
    """
    taken = set(filter(None, map(_uid, home.sites)))
    begin = crc32(os.fsencode(home.path.resolve()))
    return first_free(taken | {entry.pw_uid for entry in pwd.getpwall()}, begin)


def _uid(home: SiteHome) -> int | None:
    """The user that a site has of its own. One whose record is damaged still has its data, and so its user."""
    try:
        account = load(home).account
    except StateError:
        return home.data.stat().st_uid if home.data.exists() else None
    return account.uid if account else None


def first_free(taken: Iterable[int], begin: int = 0) -> Account:
    """The first uid for sites, `begin` places on, that is not in `taken`. Raises StateError when all thousand are."""
    used, count = set(taken), LAST_UID - FIRST_UID + 1
    for number in range(begin, begin + count):
        uid = FIRST_UID + number % count
        if uid not in used:
            return Account(uid, uid)
    raise StateError(f"every user from {FIRST_UID} to {LAST_UID} has a site", remedy="Take down a site.")
