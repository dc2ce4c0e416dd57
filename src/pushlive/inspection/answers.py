"""Make an Observation of the records of an asking. Pure: text in, values out."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from msgspec.structs import replace

from pushlive.inspection import records
from pushlive.inspection.records import AnswerError, AnyRecord
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

_Record = TypeVar("_Record", bound=records.Record)


def observation(
    text: str, app: App, *, nonce: str, code: int | None, printed: str, known: Collection[str] = ()
) -> Observation:
    """What the records in `text` say; lines that are not under `nonce` are the site's, and are passed over.

    `known` are the static files there are already. An answer that is not of the form it must have counts as none: it
    is `malformed`, and has not `ended`.
    """
    plain = Observation(nonce=nonce, code=code, printed=printed)
    found: list[AnyRecord] = []
    try:
        for record in records.records(text, nonce):
            found.append(record)  # noqa: PERF402  so that it is known how far it came
        return _told(plain, found, app, known)
    except AnswerError as error:
        return replace(plain, reached=_reached(found), malformed=str(error))


def _told(plain: Observation, found: Sequence[AnyRecord], app: App, known: Collection[str]) -> Observation:
    came = _last(found, records.Came) or records.Came()
    reads = _last(found, records.Reads) or records.Reads()
    checked = _last(found, records.Checked) or records.Checked()
    static = _last(found, records.Gathered)
    planned = _last(found, records.Planned)
    raised = _last(found, records.Raised)
    return replace(
        plain,
        reads=tuple(_read(each) for each in reads.reads if records.is_name(each.name)),
        settings=_settings(came.settings, app) if came.settings else None,
        django=came.django,
        written={name: at.where for name, at in came.written.items()},
        checks=tuple(map(_check, checked.messages)),
        static=_collected(static, known) if static else None,
        migrations=_migrations(planned) if planned else None,
        failure=_failure(raised) if raised else None,
        reached=_reached(found),
        ended=_last(found, records.End) is not None,
        made=tuple(map(_made, came.made)),
    )


def _last(found: Sequence[AnyRecord], kind: type[_Record]) -> _Record | None:
    return next((each for each in reversed(found) if isinstance(each, kind)), None)


def _reached(found: Sequence[AnyRecord]) -> str:
    begun = _last(found, records.Begin)
    return begun.job if begun else ""


def _read(given: records.GivenRead) -> Read:
    return Read(given.name, given.present, given.bare, given.where, given.library, given.flows)


def _made(path: str) -> str:
    found = records.inside(path)
    if not found:
        raise AnswerError(f"a folder outside of the tree was made: {path!r}")
    return found


def _settings(given: records.GivenSettings, app: App) -> Settings:
    key = given.secret_key
    return Settings(
        module=given.module,
        debug=bool(given.debug),
        allowed_hosts=given.allowed_hosts or (),
        secret_key=SecretKey(key.empty, key.insecure, key.drawn, key.print),
        databases=tuple(_database(each, app) for each in given.databases),
        caches=tuple(Cache(each.alias, each.backend, each.locations) for each in given.caches),
        static_url=given.static_url,
        static_root=given.static_root,
        media_url=given.media_url,
        media_root=given.media_root,
        storage=given.storage.backend,
        middleware=given.middleware or (),
        ssl_redirect=bool(given.secure_ssl_redirect),
        trusted_origins=given.csrf_trusted_origins or (),
        log_files=given.log_files,
        ignored=given.ignored,
    )


def _database(given: records.GivenDatabase, app: App) -> Database:
    plain = Database(given.alias, given.engine, given.name, given.host, given.port, options=given.options)
    if not plain.is_sqlite or plain.in_memory:
        return plain
    file = plain.name.removeprefix("file:").partition("?")[0]
    return replace(plain, path=app.in_tree(str(app.folder / file)))


def _check(given: records.Message) -> Check:
    level = max((each for each in Level if each <= given.level), default=Level.DEBUG)
    return Check(given.id, level, given.message, given.hint)


def _collected(given: records.Gathered, known: Collection[str]) -> Collected:
    if not (given.skipped or given.fingerprint):
        raise AnswerError("static files without a fingerprint")
    if given.unchanged and given.fingerprint not in known:
        raise AnswerError("static files that are said to be there, and are not")
    return Collected(given.skipped, given.served_by_site, given.fingerprint, given.unchanged, given.lost)


def _migrations(given: records.Planned) -> Migrations:
    return Migrations(
        pending=_joined([each.pending for each in given.databases]),
        irreversible=_joined([each.irreversible for each in given.databases]),
        destructive=_joined([each.destructive for each in given.databases]),
        missing=given.missing,
        unknown=next((each.error for each in given.databases if each.error), ""),
    )


def _joined(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(each for part in parts for each in part)


def _failure(given: records.Raised) -> Failure:
    """A file that is lacking is named in any case; only one in the tree is a path for us."""
    lacking = records.inside(given.missing_file)
    return Failure(
        phase=given.phase,
        type=given.type,
        message=given.message,
        where=given.where,
        missing_file=lacking,
        missing_elsewhere="" if lacking else given.missing_file,
        causes=tuple((cause.type, cause.message) for cause in given.causes),
        fields=tuple(name for name in given.fields if records.is_name(name)),
        traceback=given.traceback,
    )
