import json
import subprocess
import sys
import time

import pytest
from msgspec.structs import replace

from pushlive import source
from pushlive.model.delivery import Origin
from pushlive.pipeline.pruning import prune
from pushlive.rollout.local import places
from tests.history.conftest import FULL
from tests.registry.images import image
from tests.servers.git import Work


def test_a_release_that_went_live_without_its_record_is_kept(context):
    with context.history as history:
        history.begin(FULL.revision, "refs/heads/master", Origin.PUSH)
        live = history.add_release(FULL).name
    places.live_file(context.site).write_text(json.dumps({"release": live, "generation": 1, "stopped": True}))
    assert prune(context).kept == (live,)


def test_what_is_kept_can_be_rolled_back_to_after_its_branch_went_elsewhere(context, work):
    sha = source.bring(work.path, context.site.repository, work.commit({"a": "1"}))
    with context.history as history:
        history.went_live(history.add_release(replace(FULL, revision=sha)).name)
    prune(context)
    git = Work(context.site.repository).git
    git("gc", "--quiet", "--prune=now")
    assert source.revision(context.site.repository, sha).sha == sha


@pytest.fixture
def built(context):
    """Images on a base that were built one after the other, each with its note; none of them is a release's."""
    made = [image(context.images) for _ in range(3)]
    context.site.assembled.mkdir()
    for number, each in enumerate(made):
        context.images.tag(each, [f"{number}-on-base", "latest-on-base"])
        (context.site.assembled / f"{number}-x.json").write_text(json.dumps({"digest": str(each.digest)}))
    return made


def test_of_images_for_elsewhere_the_newest_stays(context, built):
    blobs = sum(path.stat().st_size for path in (context.images.path / "blobs/sha256").iterdir())
    done = prune(context)
    assert [context.images.has(each.digest) for each in built] == [False, False, True]
    assert [path.name for path in context.site.assembled.iterdir()] == ["2-x.json"]
    left = sum(path.stat().st_size for path in (context.images.path / "blobs/sha256").iterdir())
    assert done.freed == blobs - left > 0
    assert prune(context).freed == 0


@pytest.mark.parametrize("text", ["", "{}", '{"digest": 3}', "[]"])
def test_a_note_that_says_nothing_goes(context, built, text):
    (context.site.assembled / "2-x.json").write_text(text)
    prune(context)
    assert list(context.site.assembled.iterdir()) == []


def test_a_blob_that_is_somewhere_else_too_frees_nothing(context, built, tmp_path):
    for path in (context.images.path / "blobs/sha256").iterdir():
        (tmp_path / path.name).hardlink_to(path)
    assert prune(context).freed == 0


LATER = """
import sys
from pathlib import Path
from pushlive.model.home import Home
from pushlive.pipeline.context import open_site
from pushlive.pipeline.pruning import prune_later

prune_later(open_site(Home(Path(sys.argv[1])), "shop"))
"""


@pytest.mark.parametrize(("many", "left"), [(20, 20), (21, 0)])
def test_who_builds_often_need_not_prune(context, many, left):
    """It is done in a process that outlives the one that begins it."""
    context.site.assembled.mkdir()
    for number in range(many):
        (context.site.assembled / f"{number}.json").touch()
    subprocess.run([sys.executable, "-c", LATER, context.home.path], check=True)
    until = time.monotonic() + 20
    while len(list(context.site.assembled.iterdir())) != left and time.monotonic() < until:
        time.sleep(0.05)
    assert len(list(context.site.assembled.iterdir())) == left
