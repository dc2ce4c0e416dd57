"""Read the records of an asking. Pure: text in, an Observation out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from pushlive.inspection.values import (
    App,
    Cache,
    Check,
    Collected,
    Database,
    Failure,
    Level,
    Migrations,
    Observation,
    Read,
    SecretKey,
    Settings,
)

Record = Mapping[str, Any]


def observation(text: str, app: App, *, nonce: str, code: int | None, printed: str) -> Observation:
    """What the records in `text` say; lines that are not under `nonce` are the site's, and are passed over."""
    found = list(records(text, nonce))
    by_kind = {record["record"]: record for record in found}
    given = by_kind.get("settings", {})
    return Observation(
        nonce=nonce,
        code=code,
        reads=tuple(_read(each) for each in by_kind.get("reads", {}).get("reads", ())),
        settings=_settings(given["settings"], app) if "settings" in given else None,
        django=given.get("django", ""),
        written={name: at["where"] for name, at in given.get("written", {}).items()},
        checks=tuple(_check(each) for each in by_kind.get("check", {}).get("messages", ())),
        static=_collected(by_kind["static"]) if "static" in by_kind else None,
        migrations=_migrations(by_kind["migrations"]) if "migrations" in by_kind else None,
        failure=_failure(by_kind["error"]) if "error" in by_kind else None,
        reached=by_kind.get("begin", {}).get("job", ""),
        ended="end" in by_kind,
        made=tuple(given.get("made", ())),
        printed=printed,
    )


def records(text: str, nonce: str) -> Iterator[Record]:
    """The records in `text`, in order."""
    for line in text.splitlines():
        mark, _, content = line.partition(" ")
        if mark == nonce:
            record = _loaded(content)
            if record is not None:
                yield record


def _loaded(content: str) -> Record | None:
    """A record that was cut off by the process's end is none."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "record" in record else None


def _read(given: Record) -> Read:
    return Read(
        name=given["name"],
        present=given["present"],
        bare=given["bare"],
        where=tuple(given["where"]),
        library=given["library"],
        flows=tuple(given["flows"]),
    )


def _settings(given: Record, app: App) -> Settings:
    key = given["SECRET_KEY"]
    return Settings(
        module=given["MODULE"],
        debug=bool(given["DEBUG"]),
        allowed_hosts=tuple(given["ALLOWED_HOSTS"] or ()),
        secret_key=SecretKey(key["empty"], key["insecure"], key["drawn"], key["print"]),
        databases=tuple(_database(each, app) for each in given["DATABASES"]),
        caches=tuple(Cache(each["alias"], each["backend"], tuple(each["locations"])) for each in given["CACHES"]),
        static_url=given["STATIC_URL"],
        static_root=given["STATIC_ROOT"],
        media_url=given["MEDIA_URL"],
        media_root=given["MEDIA_ROOT"],
        storage=given["STORAGE"]["backend"],
        middleware=tuple(given["MIDDLEWARE"] or ()),
        ssl_redirect=bool(given["SECURE_SSL_REDIRECT"]),
        trusted_origins=tuple(given["CSRF_TRUSTED_ORIGINS"] or ()),
        log_files=tuple(given["LOG_FILES"]),
        ignored=tuple(given["IGNORED"]),
    )


def _database(given: Record, app: App) -> Database:
    plain = Database(
        alias=given["alias"],
        engine=given["engine"],
        name=given["name"],
        host=given["host"],
        port=given["port"],
        options=tuple(given["options"]),
    )
    if not plain.is_sqlite or plain.in_memory:
        return plain
    file = plain.name.removeprefix("file:").partition("?")[0]
    path = app.in_tree(str(app.folder / file))
    return replace(plain, path=path)


def _check(given: Record) -> Check:
    level = max((each for each in Level if each <= given["level"]), default=Level.DEBUG)
    return Check(given["id"], level, given["message"], given["hint"])


def _collected(given: Record) -> Collected:
    return Collected(
        skipped=given.get("skipped", ""),
        served_by_site=given.get("served_by_site", False),
        fingerprint=given.get("fingerprint", ""),
        unchanged=given.get("unchanged", False),
        lost=tuple(given.get("lost", ())),
    )


def _migrations(given: Record) -> Migrations:
    databases = given["databases"]

    def all_of(kind: str) -> tuple[str, ...]:
        return tuple(each for database in databases for each in database.get(kind, ()))

    unknown = next((database["error"] for database in databases if "error" in database), "")
    return Migrations(
        pending=all_of("pending"),
        irreversible=all_of("irreversible"),
        destructive=all_of("destructive"),
        missing=tuple(given["missing"]),
        unknown=unknown,
    )


def _failure(given: Record) -> Failure:
    return Failure(
        phase=given["phase"],
        type=given["type"],
        message=given["message"],
        where=given["where"],
        missing_file=given["missing_file"],
        causes=tuple((cause["type"], cause["message"]) for cause in given["causes"]),
        fields=tuple(given["fields"]),
        traceback=given["traceback"],
    )
