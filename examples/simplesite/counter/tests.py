"""Runs with `python manage.py test`; what counts for real wants a memcached program to start."""

import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock, skipUnless

from django.conf import settings
from django.core.cache import caches
from django.test import SimpleTestCase, override_settings

from counter import visits

MEMCACHED = shutil.which("memcached")
PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_memcached(port: int) -> subprocess.Popen[bytes]:
    """A memcached that accepts connections."""
    server = subprocess.Popen([MEMCACHED, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-m", "8"])
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return server
    raise AssertionError("memcached did not start")


@override_settings(STORAGES=PLAIN_STATIC)
class PageTests(SimpleTestCase):
    """The pages, with a counter that is made up."""

    def test_shows_the_count(self) -> None:
        with mock.patch.object(visits, "add_one", return_value=7):
            self.assertContains(self.client.get("/"), '<strong id="count">7</strong> visits', html=False)

    def test_is_never_kept_by_a_browser(self) -> None:
        with mock.patch.object(visits, "add_one", return_value=7):
            self.assertIn("no-store", self.client.get("/").headers["Cache-Control"])

    def test_healthz_needs_no_memcached(self) -> None:
        self.assertEqual(self.client.get("/healthz").content, b"ok\n")

    def test_answers_when_memcached_is_away(self) -> None:
        with self.settings(CACHES=_caches(free_port())):
            self.assertContains(self.client.get("/"), "The count is unavailable")
            self.assertIsNone(self.client.get("/count.json").json()["count"])


@skipUnless(MEMCACHED, "memcached is not installed")
class CountTests(SimpleTestCase):
    """The count, in a real Memcached."""

    def setUp(self) -> None:
        self.port = free_port()
        self.server = start_memcached(self.port)
        self.addCleanup(self.stop)
        self.enterContext(self.settings(CACHES=_caches(self.port)))

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()

    def test_starts_at_one(self) -> None:
        self.assertEqual(visits.so_far(), 0)
        self.assertEqual(visits.add_one(), 1)
        self.assertEqual(visits.so_far(), 1)

    def test_loses_no_visit_among_64_clients(self) -> None:
        with ThreadPoolExecutor(64) as clients:
            seen = list(clients.map(_visit_of_one_request, range(1024)))
        self.assertEqual(sorted(seen), list(range(1, 1025)))

    def test_survives_a_removed_key(self) -> None:
        visits.add_one()
        caches["default"].delete(visits.KEY)
        self.assertEqual(visits.add_one(), 1)

    def test_recovers_when_memcached_returns(self) -> None:
        visits.add_one()
        self.stop()
        with self.assertRaises(visits.CountUnavailableError):
            visits.add_one()
        self.server = start_memcached(self.port)
        self.assertEqual(self._first_count_within(seconds=5), 1)

    def _first_count_within(self, *, seconds: float) -> int | None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                return visits.add_one()
            except visits.CountUnavailableError:
                time.sleep(0.05)
        return None


def _visit_of_one_request(_number: int) -> int:
    try:
        return visits.add_one()
    finally:
        caches["default"].close()  # as Django does at the end of each request


def _caches(port: int) -> dict[str, dict[str, object]]:
    return {"default": settings.CACHES["default"] | {"LOCATION": [f"127.0.0.1:{port}"]}}
