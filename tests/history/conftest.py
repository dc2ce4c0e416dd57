from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from pushlive.history import History
from pushlive.model.image import Digest, Image, ImageConfig, Layer
from pushlive.model.release import CacheSpec, Release, SuppliedSetting


def _digest(letter: str) -> Digest:
    return Digest(f"sha256:{letter * 64}")


FULL = Release(
    name="",
    revision="a" * 40,
    image=Image(
        _digest("a"),
        (Layer(_digest("b"), 123, _digest("c"), "dependencies"), Layer(_digest("d"), 2**40, _digest("e"), "app")),
        ImageConfig(
            ("python", "/opt/run.py"),
            "/app",
            "65532",
            {"A": "\u00e9\n\"'"},
            {"l": ""},
            datetime(2020, 2, 29, tzinfo=UTC),
        ),
    ),
    created=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-7, minutes=-30))),
    replicas=3,
    server="asgi",
    env={"DJANGO_DEBUG": "0", "EMPTY": ""},
    supplied=(SuppliedSetting("SECRET_KEY", "", "kept", secret=True),),
    secrets=("SECRET_KEY",),
    secrets_version="4",
    data=("db.sqlite3", "media"),
    command="python manage.py migrate --noinput",
    cache=CacheSpec(servers=("10.0.0.3:11211",)),
    python="3.13",
    verify_path="/healthz",
    verify_status=200,
    verify_contains="\u96ea",
    host="counter.example.com",
    start_timeout=12.5,
)
PLAIN = Release(
    name="ignored",
    revision="b" * 40,
    image=Image(_digest("f"), (), ImageConfig((), "/app", "")),
    created=datetime(2026, 1, 1, tzinfo=UTC),
    replicas=1,
    server="wsgi",
)


def release_of(revision: str) -> Release:
    return replace(PLAIN, revision=revision)


@pytest.fixture
def history(tmp_path):
    with History(tmp_path / "site" / "history.sqlite") as opened:
        yield opened
