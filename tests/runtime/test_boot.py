"""How a replica starts, whatever the site brings along, and how it says why it does not."""

import socket

import pytest

from tests.runtime.replicas import Replica
from tests.runtime.sites import SITES, django

BROKEN_GUNICORN = 'import pkg_resources\nraise ImportError("this is gunicorn 20.1.0 without setuptools")\n'
OTHER_PORT = """
raise SystemExit("the site's gunicorn.conf.py was read")
"""


def fails(replica: Replica) -> tuple[int, str]:
    replica.start()
    return replica.wait(), replica.log.read_text()


def test_a_broken_gunicorn_of_the_sites_own_is_not_used(replica, site, tmp_path):
    package = tmp_path / "packages" / "gunicorn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(BROKEN_GUNICORN)
    (site / "app.py").write_text(SITES["wsgi"])
    one = replica(env={"PYTHONPATH": str(package.parent)}).start().ready()
    assert one.get("/").text == b"v7-1"


@pytest.mark.parametrize("interface", SITES)
def test_a_whitenoise_of_the_sites_own_is_what_the_site_gets(replica, site, tmp_path, interface):
    package = tmp_path / "packages" / "whitenoise"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("MINE = True\n")
    (site / "static").mkdir()
    (site / "static" / "a.txt").write_text("static")
    (site / "app.py").write_text("import whitenoise\nassert whitenoise.MINE\n" + SITES[interface])
    env = {
        "PYTHONPATH": str(package.parent),
        "PUSHLIVE_STATIC_URL": "/static/",
        "PUSHLIVE_STATIC_ROOT": str(site / "static"),
    }
    one = replica(env=env, interface=interface).start().ready()
    assert one.get("/static/a.txt").text == b"static"


def test_the_sites_gunicorn_configuration_is_not_read(replica, site):
    (site / "gunicorn.conf.py").write_text(OTHER_PORT)
    (site / "app.py").write_text(SITES["wsgi"])
    env = {"GUNICORN_CMD_ARGS": "--bind 127.0.0.1:1 --preload", "WEB_CONCURRENCY": "7"}
    one = replica(env=env).start().ready()
    assert len(one.workers()) == 1


def test_the_site_is_imported_from_its_own_folder_first(replica, site):
    (site / "serve.py").write_text("MINE = True\n")
    (site / "app.py").write_text("import serve\nassert serve.MINE\n" + SITES["wsgi"])
    assert replica().start().ready().get("/").status == 200


def test_an_import_error_ends_in_3_with_the_sites_own_traceback(replica, site):
    (site / "app.py").write_text("import settings_of_mine\n")
    (site / "settings_of_mine.py").write_text("import a_package_that_is_missing\n")
    code, log = fails(replica())
    assert code == 3
    assert 'Traceback (most recent call last):\n  File "' + str(site / "app.py") in log
    assert "ModuleNotFoundError: No module named 'a_package_that_is_missing'" in log
    assert "gunicorn/" not in log.partition("ModuleNotFoundError")[0]


@pytest.mark.parametrize("statement", ["raise SystemExit(0)", "raise KeyboardInterrupt", "def ("])
def test_whatever_the_import_raises_ends_in_3(replica, site, statement):
    (site / "app.py").write_text(statement)
    code, log = fails(replica())
    assert code == 3
    assert "Error" in log or "SystemExit" in log or "KeyboardInterrupt" in log


def test_a_callable_that_is_not_there_ends_in_4(replica, site):
    (site / "app.py").write_text("")
    code, log = fails(replica())
    assert code == 4
    assert "app:application: Failed to find attribute 'application' in 'app'" in log


def test_a_failed_lifespan_ends_in_3(replica, site):
    (site / "app.py").write_text(
        "async def application(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )
    code, log = fails(replica(interface="asgi"))
    assert code == 3
    assert "no database" in log


def test_a_lifespan_that_does_not_start_in_time_ends_in_3(replica, site):
    (site / "app.py").write_text(
        "import asyncio\n"
        "wait_for = asyncio.wait_for\n"
        "asyncio.wait_for = lambda work, timeout: wait_for(work, 0.3)  # gunicorn's thirty seconds\n"
        "async def application(scope, receive, send):\n"
        "    await asyncio.sleep(600)\n"
    )
    code, log = fails(replica(interface="asgi"))
    assert code == 3
    assert "Lifespan startup timed out" in log


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PUSHLIVE_APP": ""}, "PUSHLIVE_APP is not set"),
        ({"PUSHLIVE_INTERFACE": "cgi"}, "PUSHLIVE_INTERFACE is 'cgi': should be wsgi or asgi"),
        ({"PUSHLIVE_THREADS": "many"}, "PUSHLIVE_THREADS is 'many': should be a whole number of at least 1"),
        ({"PUSHLIVE_PUBLIC_FDS": "x"}, "PUSHLIVE_PUBLIC_FDS is 'x': should be file descriptors"),
        ({"PUSHLIVE_STOP_TIMEOUT": "nan"}, "PUSHLIVE_STOP_TIMEOUT is 'nan': should be a number of seconds"),
    ],
)
def test_a_bad_environment_is_named(replica, env, message):
    code, log = fails(replica(env=env))
    assert code == 2
    assert f"pushlive: {message}" in log


def test_a_container_binds_its_port(replica, site):
    (site / "app.py").write_text(SITES["wsgi"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = replica(env={"PORT": str(port), "PUSHLIVE_SOCKET": "", "PUSHLIVE_GATE_FD": ""}).start()
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 200"
                break
        except ConnectionRefusedError:
            assert one.process.poll() is None


def test_errors_of_a_view_reach_the_log_of_a_site_that_silences_loggers(replica, site):
    django(site)
    with (site / "proj" / "wsgi.py").open("a") as entry:
        entry.write("\nreal = application\ndef application(*args):\n    real(*args)\n    1 / 0\n")
    one = replica(app="proj.wsgi:application").start()
    while not one.log.read_text().count("ZeroDivisionError"):
        try:
            assert one.get("/").status == 500
        except (ConnectionError, FileNotFoundError):
            assert one.process.poll() is None


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_the_traceback_of_a_failing_page_is_in_the_log_though_django_prints_none(replica, site, kind):
    one = failing_page(replica, site, kind, settings="")
    assert one.log.read_text().count("RuntimeError: no euro rate") == 1
    assert "Internal Server Error: /fails" in one.log.read_text()


def test_a_traceback_that_the_sites_own_logging_prints_is_in_the_log_once(replica, site):
    settings = """
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
    "loggers": {"django": {"level": "INFO"}},
}
"""
    one = failing_page(replica, site, "wsgi", settings)
    assert one.log.read_text().count("RuntimeError: no euro rate") == 1


def failing_page(replica, site, kind, settings):
    django(site)
    with (site / "proj" / "settings.py").open("a") as file:
        file.write("\ndel LOGGING\n" + settings)
    with (site / "proj" / "urls.py").open("a") as urls:
        urls.write('\ndef fails(request):\n    raise RuntimeError("no euro rate")\n')
        urls.write('\nurlpatterns.append(path("fails", fails))\n')
    one = replica(app=f"proj.{kind}:application", interface=kind).start().ready()
    assert one.get("/fails").status == 500
    assert one.get("/").status == 200
    return one


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(0)", "os.abort()"])
def test_a_site_whose_worker_ends_again_and_again_before_it_is_up_is_given_up(replica, site, end):
    (site / "app.py").write_text(f"import os\n{end}\n")
    code, log = fails(replica())
    assert code == 3
    assert "3 workers ended before the site was loaded" in log


LOADING = """
import pathlib, time
{before}
    pathlib.Path({loading!r}).touch()
    time.sleep(600)
"""


@pytest.mark.parametrize("interface", SITES)
def test_a_site_that_is_still_loading_stops_at_once(replica, site, tmp_path, interface):
    loading = tmp_path / "loading"
    (site / "app.py").write_text(LOADING.format(before="if True:", loading=str(loading)))
    stops_while(loading, replica(interface=interface, env={"PUSHLIVE_STOP_TIMEOUT": "500"}))


def test_a_lifespan_that_is_still_starting_stops_at_once(replica, site, tmp_path):
    loading = tmp_path / "loading"
    before = "async def application(scope, receive, send):"
    (site / "app.py").write_text(LOADING.format(before=before, loading=str(loading)))
    stops_while(loading, replica(interface="asgi", env={"PUSHLIVE_STOP_TIMEOUT": "500"}))


def stops_while(loading, one):
    one.start()
    while not loading.exists():
        assert one.process.poll() is None
    one.process.terminate()
    assert one.wait() == 0
