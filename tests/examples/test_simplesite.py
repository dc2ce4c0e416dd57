"""examples/simplesite: its own tests, and the count kept by many processes at once."""

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "examples" / "simplesite"
VISITOR = """
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.test import Client

def visit(_):
    answer = Client().get("/")
    assert answer.status_code == 200, answer.status_code
    return re.search(rb'id="count">([0-9]+)<', answer.content)[1].decode()

with ThreadPoolExecutor(16) as visitors:
    print(*visitors.map(visit, range(int(sys.argv[1]))))
"""

needs_memcached = pytest.mark.skipif(not shutil.which("memcached"), reason="memcached is not installed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The site as a user would have it, with its static files collected."""
    copy = tmp_path / "simplesite"
    shutil.copytree(SITE, copy, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
    done = in_site(copy, "manage.py", "collectstatic", "--noinput")
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture
def memcached() -> Iterator[str]:
    """The address of a memcached of this test's own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port)])
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    server.kill()
    server.wait()


def environment(**more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "a key for tests",
        "DJANGO_SETTINGS_MODULE": "proj.settings",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def in_site(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *argv]
    return subprocess.run(
        command, cwd=folder, env=environment(**env), capture_output=True, text=True, timeout=120, check=False
    )


def test_its_own_tests_pass() -> None:
    done = in_site(SITE, "manage.py", "test")
    assert done.returncode == 0, done.stderr


@needs_memcached
def test_64_clients_of_four_processes_lose_no_visit(tree: Path, memcached: str) -> None:
    visitors = [
        subprocess.Popen(
            [sys.executable, "-c", VISITOR, "100"],
            cwd=tree,
            env=environment(MEMCACHED_SERVERS=memcached, ALLOWED_HOSTS="testserver"),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    seen = [int(number) for visitor in visitors for number in visitor.communicate(timeout=120)[0].split()]
    assert sorted(seen) == list(range(1, 401))


def test_a_missing_secret_key_stops_it() -> None:
    done = in_site(SITE, "-c", "import os; del os.environ['SECRET_KEY']; import proj.settings")
    assert "KeyError: 'SECRET_KEY'" in done.stderr


def test_debug_is_off_unless_asked_for() -> None:
    script = "from proj import settings; print(settings.DEBUG)"
    assert in_site(SITE, "-c", script).stdout == "False\n"
    assert in_site(SITE, "-c", script, DEBUG="1").stdout == "True\n"


def test_servers_of_memcached_come_from_the_environment() -> None:
    script = "from proj import settings; print(settings.CACHES['default']['LOCATION'])"
    assert in_site(SITE, "-c", script, MEMCACHED_SERVERS="a:1,b:2").stdout == "['a:1', 'b:2']\n"


def test_the_lock_has_a_hash_for_every_requirement_and_names_no_machine() -> None:
    text = (SITE / "requirements.txt").read_text()
    pins = [line for line in text.splitlines() if "==" in line]
    assert pins
    assert all(line.endswith("\\") for line in pins)
    assert "--index-url" not in text
    assert "/" not in text


def test_the_site_file_says_no_more_than_the_trigger() -> None:
    site_file = tomllib.loads((SITE / "pushlive.toml").read_text())
    assert site_file == {"trigger": [{"branch": "master", "ignore": ["{k8s,notes}/**"]}]}
