"""Serve the site: one gunicorn arbiter, told everything here and nothing by the site's or the machine's files."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.util import find_spec
from typing import Any, Callable, Dict, MutableMapping, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError
from gunicorn.util import import_app

from pushlive_runtime.boots import Boots
from pushlive_runtime.listeners import Gate, Lifeline, close_all, open_listeners, unlink_private
from pushlive_runtime.paths import prefer_site
from pushlive_runtime.probe import Prover, asgi_probe, wsgi_probe
from pushlive_runtime.settings import BadEnvironment, Interface, Settings, forget_private, from_environment
from pushlive_runtime.unseen import show_unseen_errors

ACCESS_FORMAT = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms'
HEARTBEAT_TIMEOUT = 60
"""Seconds after which a worker whose main loop stands still is replaced."""
EXIT_CONFIGURATION = 2
EXIT_BOOT = Arbiter.WORKER_BOOT_ERROR
EXIT_LOAD = Arbiter.APP_LOAD_ERROR


def serve(env: MutableMapping[str, str], *, layer: str) -> int:
    """Serve until SIGTERM.

    Exit codes: 2 the environment or a socket is no good, 3 the site failed to start, 4 it has no such application.
    """
    try:
        settings = from_environment(env)
        server = Server(settings)
    except (BadEnvironment, OSError) as error:
        sys.stderr.write(f"pushlive: {error}\n")
        return EXIT_CONFIGURATION
    forget_private(env)
    prefer_site(layer, os.getcwd())
    server.run()
    return 0


class SiteArbiter(Arbiter):  # type: ignore[misc]
    """Gunicorn's arbiter on sockets it was handed, with a stop that no worker can miss."""

    def __init__(self, app: Server) -> None:
        super().__init__(app)
        self.LISTENERS = app.listeners
        self.inode = app.listeners[0].inode

    def stop(self, graceful: bool = True) -> None:
        """Close every listener, tell the workers, wait for them; the private socket's file goes last.

        As long as the file is there, a refused connection to it means that no worker accepts any more.
        """
        close_all(self.LISTENERS)
        self.LISTENERS = []
        self.app.lifeline.cut()
        super().stop(graceful)
        if self.app.settings.socket:
            unlink_private(self.app.settings.socket, self.inode)

    def reload(self) -> None:
        """A replica is replaced by another release, never reloaded."""

    def reexec(self) -> None:
        """A replica is replaced by another release, never executed again."""


class Server(BaseApplication):  # type: ignore[misc]
    """What gunicorn calls an application: the settings, and the site's callable once a worker asks for it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker_class = _worker_class(settings.interface)
        self.listeners = open_listeners(settings)
        self.gate = Gate(settings.gate)
        self.lifeline = Lifeline()
        self.boots = Boots()
        self.with_files = _file_wrapper(settings)
        super().__init__()

    def load_config(self) -> None:
        """Set every setting that gunicorn would otherwise take from the environment, and ours."""
        known = self.cfg.settings
        hooks = {"post_worker_init": self.boots.came_up, "child_exit": self.boots.ended}
        for name, value in {**_configuration(self.settings, self.worker_class), **hooks}.items():
            if name in known:
                self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Import the site's application and wrap it; the process ends with a readable traceback when that fails."""
        try:
            app = import_app(self.settings.app)
        except AppImportError as error:
            _fail(f"pushlive: {self.settings.app}: {error}\n", EXIT_LOAD)
        except BaseException:  # noqa: BLE001 - settings modules raise anything, SystemExit and KeyboardInterrupt included
            _fail(_own_traceback(), EXIT_BOOT)
        _keep_error_log()
        show_unseen_errors()
        return self._wrapped(app)

    def run(self) -> None:
        """Run the arbiter; returns never, ends in SystemExit."""
        SiteArbiter(self).run()

    def _wrapped(self, app: Any) -> Callable[..., Any]:
        prover = Prover(self.settings.key, self.settings.identity)
        if self.settings.interface is Interface.ASGI:
            return asgi_probe(self.with_files(app), prover)
        return wsgi_probe(self.with_files(app), prover)


def _configuration(settings: Settings, worker_class: str) -> Dict[str, Any]:
    """Gunicorn's settings by name. Those an older gunicorn does not know are left out."""
    return {
        "worker_class": worker_class,
        "workers": settings.workers,
        "threads": settings.threads,
        "keepalive": settings.keepalive,
        "timeout": HEARTBEAT_TIMEOUT,
        "graceful_timeout": max(1, round(settings.stop_timeout)),
        "bind": [],
        "proc_name": settings.identity.replica or "pushlive",
        "accesslog": "-" if settings.access_log else None,
        "access_log_format": ACCESS_FORMAT,
        "errorlog": "-",
        "loglevel": "warning",
        "forwarded_allow_ips": settings.trusted_proxies,
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None,  # noqa: S108
        "user": os.geteuid(),
        "group": os.getegid(),
        "control_socket_disable": True,
        "http_parser": "python",
        "asgi_loop": "auto",
    }


def _file_wrapper(settings: Settings) -> Callable[[Any], Any]:
    """What puts the static and uploaded files in front of the site; nothing where there are none."""
    if settings.static is None and settings.media is None:
        return lambda app: app
    from pushlive_runtime.static import Files, asgi_files, wsgi_files

    files = Files(settings.static, settings.media)
    wrap = asgi_files if settings.interface is Interface.ASGI else wsgi_files
    return lambda app: wrap(app, files)


def _worker_class(interface: Interface) -> str:
    if interface is Interface.WSGI:
        return "pushlive_runtime.worker.SiteWorker"
    if find_spec("gunicorn.workers.gasgi"):
        return "pushlive_runtime.asgi_worker.SiteAsgiWorker"
    if find_spec("uvicorn"):
        return "pushlive_runtime.uvicorn_worker.SiteUvicornWorker"
    raise BadEnvironment(
        f"the newest gunicorn for Python {sys.version_info[0]}.{sys.version_info[1]} cannot serve ASGI: "
        "add uvicorn to the site's requirements, or take Python 3.10 or later"
    )


def _keep_error_log() -> None:
    """Undo what a site's logging.config does to loggers it does not name: switch them off."""
    import logging

    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).disabled = False


def _own_traceback() -> str:
    """The traceback from where the site's code begins: the frames of gunicorn and of this module left out."""
    kind, error, frames = sys.exc_info()
    here = os.path.dirname(os.path.abspath(__file__))
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename, here):
        frames = frames.tb_next
    return "".join(traceback.format_exception(kind, error, frames))


def _is_ours(filename: str, here: str) -> bool:
    """Whether a frame is the server's own: this package, gunicorn beside it, or the import machinery."""
    layer = os.path.dirname(here) + os.sep
    return (
        filename.startswith((layer + "gunicorn" + os.sep, here + os.sep, "<frozen importlib"))
        or os.path.basename(os.path.dirname(filename)) == "importlib"
    )


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write(text)
    sys.stderr.flush()
    raise SystemExit(code)
