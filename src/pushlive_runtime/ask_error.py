"""An exception, told so that its cause can be named without the process it happened in."""

import traceback
from typing import Any, Dict, Iterator, List

from pushlive_runtime.ask_environ import Watcher

_LIMIT = 20_000


def told(error: BaseException, watcher: Watcher) -> Dict[str, Any]:
    """The exception's type, words, place in the site's tree, causes and traceback."""
    return {
        "type": type(error).__name__,
        "library": type(error).__module__,
        "message": _message(error),
        "where": _where(error, watcher),
        "missing_file": _missing_file(error, watcher),
        "causes": [{"type": type(cause).__name__, "message": _message(cause)} for cause in _causes(error)],
        "fields": _fields(error),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__))[-_LIMIT:],
    }


def _message(error: BaseException) -> str:
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    if isinstance(error, SyntaxError):
        return str(error.msg)
    return str(error)[:_LIMIT]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    inner = error.__cause__ or error.__context__
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        inner = inner.__cause__ or inner.__context__


def _where(error: BaseException, watcher: Watcher) -> str:
    """The last line of the site's own that it went through; a syntax error's own line."""
    if isinstance(error, SyntaxError) and error.filename and watcher.inside(error.filename):
        return f"{watcher.inside(error.filename)}:{error.lineno}"
    places = [
        f"{watcher.inside(frame.f_code.co_filename)}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if watcher.inside(frame.f_code.co_filename)
    ]
    return places[-1] if places else ""


def _missing_file(error: BaseException, watcher: Watcher) -> str:
    """The file of the tree that was not there, when that was the cause."""
    for each in (error, *_causes(error)):
        if isinstance(each, FileNotFoundError) and isinstance(each.filename, (str, bytes)):
            name = each.filename if isinstance(each.filename, str) else each.filename.decode(errors="replace")
            return watcher.inside(name) or name
    return ""


def _fields(error: BaseException) -> List[str]:
    """The names of a pydantic model's fields that had no value."""
    errors = getattr(error, "errors", None)
    if type(error).__name__ != "ValidationError" or not callable(errors):
        return []
    found = errors()
    if not isinstance(found, list):
        return []
    wanted = [
        each for each in found if isinstance(each, dict) and each.get("type") in ("missing", "value_error.missing")
    ]
    return [str(each["loc"][0]) for each in wanted if each.get("loc")]
