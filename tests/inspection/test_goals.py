import json
import subprocess
import sys
from pathlib import Path

import pytest

from pushlive.inspection import goals
from pushlive.inspection.goals import ORIGINS, Policy
from pushlive.inspection.values import App, Settings

CASES = [
    ("https://example.com", True),
    ("https://EXAMPLE.com", True),
    ("https://www.example.com", False),
    ("https://example.com.evil.test", False),
    ("https://notexample.com", False),
    ("https://*.example.com", True),
    ("https://*.com", True),
    ("https://*.other.test", False),
    ("https://*", False),
]

DJANGO = """
import json, sys
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["behind.test"])
from django.middleware.csrf import CsrfViewMiddleware
from django.core.checks.compatibility.django_4_0 import check_csrf_trusted_origins
from django.test import RequestFactory, override_settings

def trusts(origin):
    with override_settings(CSRF_TRUSTED_ORIGINS=["https://a.test", origin]):
        request = RequestFactory().post("/", HTTP_HOST="behind.test", HTTP_ORIGIN="https://example.com")
        return CsrfViewMiddleware(lambda _: None)._origin_verified(request)

print(json.dumps({origin: trusts(origin) for origin in json.loads(sys.argv[1])}))
"""


def trusts(*origins: str) -> bool:
    policy = Policy(App(Path("/tree")), supply=True, own=frozenset(), hosts=("example.com",), key="k", data="/data")
    return ORIGINS.is_met(Settings(trusted_origins=origins), policy)


@pytest.mark.parametrize(("origin", "trusted"), CASES)
def test_an_origin_is_trusted_as_django_does(origin, trusted):
    assert trusts("https://a.test", origin) is trusted


def test_django_does_so():
    origins = [origin for origin, _ in CASES if origin.islower()]
    argv = [sys.executable, "-c", DJANGO, json.dumps(origins)]
    done = subprocess.run(argv, check=True, capture_output=True, env={})
    assert json.loads(done.stdout) == {origin: trusted for origin, trusted in CASES if origin.islower()}


@pytest.mark.parametrize(("origin", "trusted"), [("example.com", True), (".example.com", True), ("http://[", False)])
def test_what_an_old_django_has_or_nobody_understands(origin, trusted):
    assert trusts(origin) is trusted


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("example.com", ("https://example.com",)),
        ("localhost", ("http://localhost",)),
        (".example.com", ("https://example.com", "https://*.example.com")),
    ],
)
def test_origins_are_written_as_django_takes_them(host, origins):
    assert goals._origins_of(host) == origins
