import os
import time

import pytest

from pushlive.image import sweep
from pushlive.image.dependencies import install
from pushlive.image.layout import Layout
from pushlive.image.plan import Lock
from pushlive.image.sweep import ABANDONED, discard, forget
from pushlive.system import locks
from tests.image.trees import plant


@pytest.fixture
def made(place, python, tmp_path):
    """An installation of nothing."""
    return install(Lock(tmp_path), python, place)


def asked(made):
    return (made.folder.parent / "record.json").stat().st_mtime


def test_what_nobody_asks_for_is_forgotten(place, made):
    forget(place.cache, unused_for=60, now=asked(made) + 59)
    assert made.folder.exists()
    forget(place.cache, unused_for=60, now=asked(made) + 61)
    assert list((place.cache / "dependencies").iterdir()) == []
    assert place.layout.has(made.layer.digest)


def test_bytecode_that_nobody_asks_for_is_forgotten(place):
    plant(place.cache, {"bytecode/old": "", "bytecode/new": ""})
    now = time.time()
    os.utime(place.cache / "bytecode/old", (now - 61, now - 61))
    forget(place.cache, unused_for=60, now=now)
    assert [file.name for file in (place.cache / "bytecode").iterdir()] == ["new"]


def test_what_is_asked_for_again_stays(place, made, python, tmp_path):
    now = asked(made)
    os.utime(made.folder.parent / "record.json", (now - 100, now - 100))
    os.utime(made.folder.parent, (now - 100, now - 100))
    assert install(Lock(tmp_path), python, place).reused
    forget(place.cache, unused_for=60, now=now)
    assert made.folder.exists()


def test_what_somebody_makes_meanwhile_stays(place, made):
    with locks.held(made.folder.parent.with_suffix(".lock")):
        forget(place.cache, unused_for=60, now=asked(made) + 61)
    assert made.folder.exists()


def test_a_removal_that_is_killed_leaves_no_record(made, monkeypatch):
    def killed(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "remove_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        discard(made.folder.parent)
    assert not (made.folder.parent / "record.json").exists()
    assert made.folder.exists()


def test_a_layer_stays_as_long_as_one_installation_has_it(place, made):
    store = Layout(place.cache / "layers")
    forget(place.cache, unused_for=10 * ABANDONED, now=asked(made) + 2 * ABANDONED)
    assert store.has(made.layer.digest)
    forget(place.cache, unused_for=60, now=asked(made) + 2 * ABANDONED)
    assert not store.has(made.layer.digest)


LEFT = (
    *("work/tmpa/files/x", "builds/64000/tmpa/home/x", "pythons/.new-a/x"),
    *("layers/blobs/sha256/.new-a", "dependencies/k/files/x"),
)
KEPT = ("builds/64000/uv/x", "pythons/3.12.1-a/x")


def test_what_killed_deliveries_left_goes_after_a_day(place):
    plant(place.cache, dict.fromkeys((*LEFT, *KEPT, "dependencies/l.lock"), ""))
    now = time.time()
    forget(place.cache, unused_for=ABANDONED, now=now)
    assert all((place.cache / path).exists() for path in LEFT)
    forget(place.cache, unused_for=ABANDONED, now=now + ABANDONED + 1)
    files = {str(path.relative_to(place.cache)) for path in place.cache.rglob("*") if path.is_file()}
    assert files == set(KEPT)
