"""Sites whose code lies to the one who asks it, which is root."""

import os

import pytest

from pushlive.inspection import App, Wishes, inspect
from pushlive.model.errors import BuildError
from tests.inspection.sites import django_site

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to change user")]

UNABLE = """\
raise ValueError("Unable to configure handler 'file'") from FileNotFoundError(2, "x", {path!r})
"""
ANSWERS = """\
import gc
(answer,) = [each for each in gc.get_objects() if type(each).__name__ == "Answer"]
{records}
answer.record("end", code=0)
os._exit(0)
"""


@pytest.fixture
def victim(place):
    folder = place / "victim"
    folder.mkdir()
    (folder / "file").touch()
    return folder


def says(*records: str) -> str:
    return ANSWERS.format(records="\n".join(f"answer.record({record})" for record in records))


@pytest.mark.parametrize("path", ["../victim/x", "{victim}/x", "proj/../../victim/x"])
def test_a_log_folder_outside_of_the_tree_is_left_alone(place, apart, victim, path):
    tree = django_site(place / "tree", UNABLE.format(path=path.format(victim=victim)))
    with pytest.raises(BuildError, match="is not there"):
        inspect(App(tree), apart, Wishes())
    assert (victim.stat().st_uid, victim.stat().st_gid) == (0, 0)


def test_a_log_folder_behind_a_link_is_left_alone(place, apart, victim):
    link = 'if not os.path.lexists("logs"):\n    os.symlink("../victim", "logs")\n'
    tree = django_site(place / "tree", link + UNABLE.format(path="logs/deep/site.log"))
    with pytest.raises(BuildError, match=r"logs/deep/site\.log is not there"):
        inspect(App(tree), apart, Wishes())
    assert [path.name for path in victim.iterdir()] == ["file"]


@pytest.mark.parametrize("unchanged", ["True", "False"])
def test_static_files_are_kept_nowhere_but_in_their_store(place, apart, victim, unchanged):
    lie = f'"static", fingerprint={str(victim)!r}, unchanged={unchanged}'
    with pytest.raises(BuildError, match=r"not to be believed: .*fingerprint"):
        inspect(App(django_site(place / "tree", says(lie))), apart, Wishes())
    assert [path.name for path in victim.iterdir()] == ["file"]


def test_a_folder_outside_of_the_tree_is_no_data(place, apart, victim):
    tree = django_site(place / "tree", says('"settings", made=["../victim"]'))
    with pytest.raises(BuildError, match=r"a folder outside of the tree was made: '../victim'"):
        inspect(App(tree), apart, Wishes())


def test_the_folder_for_static_files_cannot_be_swapped_for_a_link(place, apart, victim):
    swap = f"""
from pathlib import Path
static = Path(os.environ["HOME"]).with_name("static")
try:
    static.rename(static.with_name("aside"))
    static.symlink_to({str(victim)!r})
except PermissionError:
    pass
"""
    lie = f'"static", fingerprint={"a" * 64!r}'
    inspect(App(django_site(place / "tree", swap + says(lie))), apart, Wishes(store=place / "store"))
    assert list((place / "store" / ("a" * 64)).iterdir()) == []
