"""The example's WSGI application as it is and as pushlive wraps it; run by `wrapper.py` in the site's own Python.

Gunicorn serves `wrapped_site:plain` and `wrapped_site:wrapped`. As a program it calls both in this process, by turns,
and prints one JSON object: for every path the CPU time of a call in microseconds, one number a round and side.
"""

import gc
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from proj.wsgi import application
from pushlive_runtime.probe import Prover, wsgi_probe
from pushlive_runtime.settings import Identity, Mount
from pushlive_runtime.static import Files, wsgi_files

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PATHS = ("/", "/healthz")
NOTHING = "an application that does nothing"


def wrap(app: App) -> App:
    """What a replica puts around a site: the answers to signed probes, and the static files."""
    files = Files(Mount("/static/", os.environ["STATIC_ROOT"]), None)
    return wsgi_probe(wsgi_files(app, files), Prover("key", Identity("0" * 40, "v1", "v1-1")))


plain: App = application
wrapped = wrap(application)


def nothing(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer at once: what is left is the wrapper itself."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


def request(path: str) -> dict[str, Any]:
    """What gunicorn hands over for a request of a browser."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def call(app: App, environ: dict[str, Any]) -> None:
    """One request, as a server makes it; a status other than 200 ends the benchmark."""
    statuses: list[str] = []
    body = app(environ, lambda status, _headers, *_: statuses.append(status))
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    if not statuses[0].startswith("200"):
        raise SystemExit(f"{environ['PATH_INFO']} answered {statuses[0]}")


def timed(app: App, path: str) -> int:
    """The CPU time of one request, in nanoseconds."""
    environ = request(path)
    began = time.thread_time_ns()
    call(app, environ)
    return time.thread_time_ns() - began


def one_round(pair: dict[str, App], path: str, calls: int) -> dict[str, float]:
    """The median CPU time of `calls` requests of each application, in microseconds. They take turns call by call."""
    took: dict[str, list[int]] = {name: [] for name in pair}
    gc.collect()
    for number in range(calls):
        for name in sorted(pair, reverse=bool(number % 2)):
            took[name].append(timed(pair[name], path))
    return {name: statistics.median(times) / 1000 for name, times in took.items()}


def compare(pair: dict[str, App], path: str, rounds: int, calls: int) -> dict[str, list[float]]:
    """What each application took, round by round; the first round is not counted."""
    found = [one_round(pair, path, calls) for _ in range(rounds + 1)][1:]
    return {name: [one[name] for one in found] for name in pair}


def main() -> None:
    """Measure and print; the arguments are rounds and calls a round."""
    rounds, calls = map(int, sys.argv[1:])
    site: dict[str, App] = {"plain": plain, "wrapped": wrapped}
    found = {path: compare(site, path, rounds, calls) for path in PATHS}
    found[NOTHING] = compare({"plain": nothing, "wrapped": wrap(nothing)}, "/", rounds, calls)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
