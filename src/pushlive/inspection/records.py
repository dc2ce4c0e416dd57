"""The records of an asking, as the site's own process writes them. Nothing in them is believed but its form. Pure.

That process is not trusted: what stands here is checked before anything is done with it. What each record says is told
in `pushlive_runtime.ask`.
"""

import json
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Fingerprint = Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
"""A SHA-256 in hexadecimal, or nothing; it becomes the name of a folder."""
ModuleName = Annotated[str, Meta(pattern=r"\A[^/\0]*\Z")]


class AnswerError(ValueError):
    """A record is not what the site's process would have written by itself."""


class Record(Struct, frozen=True, tag_field="record"):
    """What all records are."""


class Begin(Record, frozen=True, tag="begin"):
    """A job begins."""

    job: str


class End(Record, frozen=True, tag="end"):
    """All that could be answered has been."""


class GivenRead(Struct, frozen=True):
    """A name that was read from the environment."""

    name: str
    present: bool
    bare: bool
    library: str
    where: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


class Reads(Record, frozen=True, tag="reads"):
    """Everything that was read so far."""

    reads: tuple[GivenRead, ...] = ()


class GivenKey(Struct, frozen=True):
    """What is told of SECRET_KEY."""

    empty: bool
    insecure: bool
    drawn: bool
    print: str


class GivenDatabase(Struct, frozen=True):
    """An entry of DATABASES."""

    alias: str
    engine: str
    name: str
    host: str
    port: str
    options: tuple[str, ...]


class GivenCache(Struct, frozen=True):
    """An entry of CACHES."""

    alias: str
    backend: str
    locations: tuple[str, ...]


class GivenStorage(Struct, frozen=True):
    """The storage of static files."""

    backend: str


_Plain = bool | int | str | None
_List = tuple[str, ...] | None


class GivenSettings(Struct, frozen=True, rename="upper"):
    """The settings by their own names."""

    module: ModuleName
    debug: _Plain
    allowed_hosts: _List
    secret_key: GivenKey
    databases: tuple[GivenDatabase, ...]
    caches: tuple[GivenCache, ...]
    static_url: str
    static_root: str
    media_url: str
    media_root: str
    storage: GivenStorage
    middleware: _List
    secure_ssl_redirect: _Plain
    csrf_trusted_origins: _List
    log_files: tuple[str, ...]
    ignored: tuple[str, ...]


class Written(Struct, frozen=True):
    """Where the site's code set a variable itself."""

    where: str


class Came(Record, frozen=True, tag="settings"):
    """What the settings came to; no Django, no settings."""

    django: str = ""
    settings: GivenSettings | None = None
    written: Mapping[str, Written] = field(default_factory=dict)
    made: tuple[str, ...] = ()


class Message(Struct, frozen=True):
    """A message of the system checks."""

    id: str
    level: int
    message: str
    hint: str


class Checked(Record, frozen=True, tag="check"):
    """What the system checks say."""

    messages: tuple[Message, ...] = ()


class Gathered(Record, frozen=True, tag="static"):
    """What became of the static files."""

    skipped: str = ""
    served_by_site: bool = False
    fingerprint: Fingerprint = ""
    unchanged: bool = False
    lost: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """What `migrate` would do to one database."""

    pending: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    error: str = ""


class Planned(Record, frozen=True, tag="migrations"):
    """What `migrate` would do."""

    databases: tuple[Plan, ...]
    missing: tuple[str, ...]


class Cause(Struct, frozen=True):
    """An exception that led to another."""

    type: str
    message: str


class Raised(Record, frozen=True, tag="error"):
    """The exception that ended it."""

    phase: str
    type: str
    message: str
    where: str
    missing_file: str
    causes: tuple[Cause, ...]
    fields: tuple[str, ...]
    traceback: str


AnyRecord = Begin | End | Reads | Came | Checked | Gathered | Planned | Raised


_CHECK: Callable[[object], AnyRecord] = partial(msgspec.convert, type=AnyRecord)


def records(text: str, nonce: str) -> Iterator[AnyRecord]:
    """The records in `text`, in order; lines that are not under `nonce` are the site's own. Raises AnswerError."""
    for line in text.splitlines():
        mark, _, content = line.partition(" ")
        if mark == nonce:
            found = _loaded(content)
            if found is not None:
                yield _checked(found)


def inside(path: str) -> str:
    """A path in the tree, normalised; "" for one that leads out of it, or is none."""
    plain = posixpath.normpath(path)
    leads_out = plain.startswith(("/", "../")) or plain in (".", "..")
    return "" if leads_out or not _is_possible(path) else plain


def is_name(text: str) -> bool:
    """It can be given to a process as the name of a variable, and to the user in a command."""
    return _NAME.fullmatch(text) is not None


def _is_possible(path: str) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _loaded(content: str) -> Any:
    """None for a record that was cut off by the process's end."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _checked(found: object) -> AnyRecord:
    try:
        return _CHECK(found)
    except msgspec.ValidationError as error:
        raise AnswerError(str(error)) from error
