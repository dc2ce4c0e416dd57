"""Start the site's own Python and ask it. The only effect here is that process and its scratch files."""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from pushlive.inspection import answers
from pushlive.inspection.values import App, Job, Observation
from pushlive.system import process
from pushlive.system.process import Account

_MOST = 16 * 1024 * 1024
"""Bytes of an answer that are read; an honest one has some thousands."""
_PRINTED = 64 * 1024
"""Bytes of the site's own output that are kept, from its end."""


Attend = Callable[..., int | None]
"""Runs a program as `system.process.attend` does; the exit code is None where it cannot be known."""


class Runtime(Struct, frozen=True):
    """What a site's code is run with.

    `python` is the site's interpreter, best the one of a virtual environment whose site-packages are the dependency
    layer; `packages` that layer itself, and needed when it is not. `server` is the server layer, which holds
    pushlive_runtime. `scratch` is a folder that the account can reach; all that is written lies below it. `attend` runs
    the process, when there is a quicker way to than to execute it.
    """

    python: Path
    server: Path
    scratch: Path
    packages: Path | None = None
    account: Account | None = None
    timeout: float = 120.0
    attend: Attend = process.attend


class Question(Struct, frozen=True):
    """What is asked: the jobs, under which environment.

    `known` are static files that are collected already; `folders` of the tree are made first, by the process itself.
    """

    jobs: tuple[Job, ...]
    env: Mapping[str, str]
    known: tuple[str, ...] = ()
    static: Path = Path("static")
    folders: tuple[str, ...] = ()


def ask(app: App, runtime: Runtime, question: Question) -> Observation:
    """Ask the site, in one process. Raises MachineError when its Python cannot be started.

    What failed in a process that was started otherwise is executed, and only then believed.
    """
    seen = _ask(app, runtime, question)
    if seen.code is None and (seen.failure or not seen.ended):
        seen = _ask(app, replace(runtime, attend=process.attend), question)
    return seen


def _ask(app: App, runtime: Runtime, question: Question) -> Observation:
    nonce, started = secrets.token_hex(16), time.monotonic()
    with (
        tempfile.TemporaryFile() as asked,
        tempfile.TemporaryFile() as answered,
        tempfile.TemporaryFile() as printed,
    ):
        asked.write(json.dumps(_request(app, runtime, question, nonce)).encode())
        asked.seek(0)
        code = runtime.attend(
            command(runtime),
            cwd=app.folder,
            env=_environment(app, runtime, question.env, answered.fileno()),
            account=runtime.account,
            stdin=asked,
            output=printed,
            pass_fds=[answered.fileno()],
            timeout=runtime.timeout,
        )
        took = time.monotonic() - started
        seen = answers.observation(
            _head(answered), app, nonce=nonce, code=code, printed=_tail(printed), known=question.known
        )
        return replace(seen, seconds=took)


def command(runtime: Runtime) -> Sequence[str | os.PathLike[str]]:
    """The argument list that answers a request."""
    return [runtime.python, runtime.server / "run.py", "ask"]


def home(runtime: Runtime) -> Path:
    """The HOME of the process: empty, and gone afterwards."""
    return runtime.scratch / "home"


def _request(app: App, runtime: Runtime, question: Question, nonce: str) -> dict[str, object]:
    return {
        "nonce": nonce,
        "tree": str(app.tree.resolve()),
        "root": str(app.folder.resolve()),
        "paths": [str((app.tree / path).resolve()) for path in app.paths],
        "manage": app.manage,
        "application": app.callable,
        "packages": str(runtime.packages) if runtime.packages else "",
        "jobs": list(question.jobs),
        "static_root": str(question.static),
        "known_static": question.known,
        "folders": [str(app.tree / folder) for folder in question.folders],
        "files_only": True,
        "until": time.monotonic() + runtime.timeout * 0.8,
    }


def _environment(app: App, runtime: Runtime, given: Mapping[str, str], answer: int) -> dict[str, str]:
    """Nothing of ours but what a program needs to find its way."""
    settings = {"DJANGO_SETTINGS_MODULE": app.settings} if app.settings else {}
    return {
        "PATH": f"{runtime.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home(runtime)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **settings,
        **given,
        "PUSHLIVE_ANSWER_FD": str(answer),
    }


def _head(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), _MOST, 0).decode(errors="replace")


def _tail(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), _PRINTED, max(0, size - _PRINTED)).decode(errors="replace")
