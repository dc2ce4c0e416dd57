import msgspec
import pytest
from msgspec.structs import replace

from pushlive.config.schema import SiteFile
from pushlive.model.release import CacheSpec
from pushlive.pipeline.planning import differences
from pushlive.release import Parts, Stored, cut
from tests.history.conftest import FULL

WHOLE = """
[run]
replicas = 2
threads = 8
env = { A = "1", B = "2" }
[data]
paths = ["media"]
[cache]
memory = "128Mi"
"""


def release(toml):
    parts = Parts(revision="a" * 40, image=FULL.image, created=FULL.created, server="wsgi")
    return cut(parts, msgspec.toml.decode(toml, type=SiteFile), Stored())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("replicas = 2", "replicas = 3", "run.replicas: 2 -> 3"),
        ("threads = 8", "", "run.threads: 8 -> 4"),
        ("threads = 8", "threads = 8\nstop_timeout = 5", "run.stop_timeout: 30 -> 5"),
        ("threads = 8", "threads = 8\nstart_timeout = 5", "run.start_timeout: 60 -> 5"),
        ('B = "2"', "", "run.env.B: 2 -> nothing"),
        ('B = "2"', 'B = "2", C = "3"', "run.env.C: nothing -> 3"),
        ('"media"', '"media", "db.sqlite3"', "data.paths: media/ -> media/, db.sqlite3"),
        ("128Mi", "64Mi", "cache.memory: 134217728 -> 67108864"),
        ("[cache]", "[verify]\nstatus = 200\n[cache]", "verify.status: nothing -> 200"),
    ],
)
def test_a_changed_setting_is_told_by_its_name_in_the_site_file(old, new, told):
    changed = WHOLE.replace(old, new).replace(",  }", " }")
    assert differences(release(WHOLE), release(changed)) == (told,)


def test_what_a_site_file_leaves_as_it_was_is_no_difference():
    assert differences(release(WHOLE), release(WHOLE)) == ()


def test_a_cache_that_comes_or_goes_is_told_with_its_settings():
    without, having = replace(FULL, cache=None), replace(FULL, cache=CacheSpec())
    assert "cache.connections: nothing -> 1024" in differences(without, having)
    assert "cache.connections: 1024 -> nothing" in differences(having, without)
