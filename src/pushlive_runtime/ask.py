"""Ask a site about itself, in one process of its own Python, as `manage.py` would run it.

The request is JSON, on standard input or as the one argument; the answers are records (see ask_answer). Every
start of Django costs a fifth of a second, so all questions of a moment are asked at once, as jobs:

settings    import the settings while the environment is watched; a snapshot of what they came to
check       Django's system checks, those for a deployment too
static      collectstatic into the folder `static_root`
migrations  what `migrate` would do
"""

import contextlib
import faulthandler
import json
import os
import runpy
import sys
import time
from typing import Any, Callable, Dict, Iterable, List, Optional

from pushlive_runtime import ask_error, ask_settings
from pushlive_runtime.ask_answer import Answer
from pushlive_runtime.ask_environ import Watcher

_COMMAND_LINE = ("manage.py", "check")
_SERVER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(argv: Optional[List[str]] = None) -> int:
    """Answer one request and end the process, whatever threads the site has started."""
    arguments = sys.argv[1:] if argv is None else argv
    request = json.loads(arguments[0] if arguments else sys.stdin.read())
    answer = Answer.open(request["nonce"])
    code = run(request, answer)
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(code)


def run(request: Dict[str, Any], answer: Answer) -> int:
    """Answer `request`; returns the exit code: 0 when every job was done.

    May be called in a process that was forked from a warm one. It changes the working directory, `sys.path`,
    `sys.argv` and the class of `os.environ`.
    """
    root = os.path.abspath(request["root"])
    os.chdir(root)
    _make_folders(request.get("folders", ()))
    _arrange_path([root, *request.get("paths", ())], request.get("packages"))
    if request.get("until"):
        faulthandler.dump_traceback_later(max(request["until"] - time.monotonic(), 0.1))
    watcher = Watcher(request.get("tree") or root)
    asked = _Asked(request, answer, watcher)
    watcher.install()
    asked.guard(asked.through_manage if request.get("manage") else asked.directly)
    faulthandler.cancel_dump_traceback_later()
    if not answer.is_ours:
        os._exit(asked.code)
    answer.record("end", code=asked.code)
    return asked.code


class _Asked:
    """One request while it is being answered."""

    def __init__(self, request: Dict[str, Any], answer: Answer, watcher: Watcher) -> None:
        self._request = request
        self._answer = answer
        self._watcher = watcher
        self._phase = "start"
        self._done = False
        self._own_static_root = ""
        self.code = 0

    def guard(self, work: Callable[[], None]) -> None:
        """Run `work`; whatever the site raises, sys.exit too, becomes a record."""
        try:
            work()
        except BaseException as error:  # noqa: BLE001  the site may raise anything, and all of it is an answer
            self.code = 1
            self._tell_reads()
            self._answer.record("error", phase=self._phase, **ask_error.told(error, self._watcher))

    def through_manage(self) -> None:
        """Execute manage.py with Django's command line replaced by the jobs, so all it does first really happens."""
        from django.core.management import ManagementUtility

        self._phase = "manage"
        sys.argv = list(_COMMAND_LINE)
        ManagementUtility.execute = lambda _utility: self._jobs_once()
        try:
            runpy.run_path(os.path.abspath(self._request["manage"]), run_name="__main__")
        except SystemExit:
            # `sys.exit(main())`: it ends by what its main function returns, and the jobs are done.
            if not self._done:
                raise
        if not self._done:
            raise RuntimeError(f"{self._request['manage']} ended without running Django's command line")

    def directly(self) -> None:
        """Without manage.py: the settings module alone, or what the application's own module sets up."""
        sys.argv = list(_COMMAND_LINE)
        if not os.environ.get("DJANGO_SETTINGS_MODULE"):
            self._import_application()
        self._jobs_once()

    def _import_application(self) -> None:
        self._phase = "application"
        module, _, name = str(self._request.get("application") or "").partition(":")
        if not module:
            return
        found: Any = __import__(module, fromlist=["_"])
        for part in (name or "application").split("."):
            found = getattr(found, part)

    def _jobs_once(self) -> None:
        """Some manage.py reach the command line more than once."""
        if self._done:
            return
        self._done = True
        sys.argv = list(_COMMAND_LINE)
        self.guard(self._jobs)

    def _jobs(self) -> None:
        jobs = {
            "settings": self._settings,
            "check": self._check,
            "static": self._static,
            "migrations": self._migrations,
        }
        for name in self._request["jobs"]:
            self._phase = name
            self._answer.record("begin", job=name)
            before = time.monotonic()
            content = jobs[name]()
            self._answer.record(name, seconds=round(time.monotonic() - before, 4), **content)
            self._tell_reads()

    def _settings(self) -> Dict[str, Any]:
        if not _uses_django():
            return {"django": ""}
        import django
        from django.conf import settings

        settings.DEBUG  # noqa: B018  the first attribute imports the settings
        found = ask_settings.snapshot(settings, str(self._request.get("nonce", "")))
        found["SECRET_KEY"]["drawn"] = self._watcher.drawn("SECRET_KEY")
        self._own_static_root = found["STATIC_ROOT"]
        made = ask_settings.make_folders(found, self._watcher.inside)
        return {"django": django.get_version(), "settings": found, "written": self._watcher.written, "made": made}

    def _check(self) -> Dict[str, Any]:
        if not _uses_django():
            return {"messages": []}
        self._setup()
        from django.core.checks import run_checks

        found = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
        return {"messages": [_message(message) for message in found]}

    def _static(self) -> Dict[str, Any]:
        if not _uses_django():
            return {"skipped": "not a Django site"}
        from django.conf import settings

        reason = self._redirect_static()
        if reason:
            return {"skipped": reason, "served_by_site": False}
        self._setup()
        from pushlive_runtime import ask_static

        sys.argv = ["manage.py", "collectstatic", "--noinput"]
        return ask_static.collect(settings, self._request, self._own_static_root)

    def _redirect_static(self) -> str:
        from django.conf import settings

        from pushlive_runtime import ask_static

        return ask_static.redirect(settings, str(self._request["static_root"]))

    def _setup(self) -> None:
        if "static" in self._request["jobs"]:
            self._redirect_static()
        import django

        django.setup()

    def _migrations(self) -> Dict[str, Any]:
        if not _uses_django():
            return {"databases": [], "missing": []}
        self._setup()
        from pushlive_runtime import ask_database

        return ask_database.migrations(files_only=bool(self._request.get("files_only")))

    def _tell_reads(self) -> None:
        self._answer.record("reads", reads=self._watcher.report())


def _uses_django() -> bool:
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return True
    conf = sys.modules.get("django.conf")
    return bool(conf and conf.settings.configured)


def _message(message: Any) -> Dict[str, Any]:
    return {
        "id": str(message.id or ""),
        "level": int(message.level),
        "message": str(message.msg),
        "hint": str(message.hint or ""),
    }


def _make_folders(folders: Iterable[str]) -> None:
    """Folders that git does not carry; where one cannot be made, what wants it says so better than we can."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.makedirs(folder, exist_ok=True)


def _arrange_path(folders: List[str], packages: Optional[str]) -> None:
    """The site's folders first, as manage.py has it; what is ours last, so that the site's own versions win."""
    if packages and packages not in sys.path:
        import site

        site.addsitedir(packages)
    ours = [part for part in sys.path if os.path.realpath(part or ".") == os.path.realpath(_SERVER)]
    rest = [part for part in sys.path if part not in ours and part not in ("", *folders)]
    sys.path[:] = [*folders, *rest, *(ours[:1] or [_SERVER])]


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return


if __name__ == "__main__":
    main()
