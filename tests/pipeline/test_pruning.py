import json

from msgspec.structs import replace

from pushlive import source
from pushlive.model.delivery import Origin
from pushlive.pipeline.pruning import prune
from pushlive.rollout.local import places
from tests.history.conftest import FULL
from tests.servers.git import Work


def test_a_release_that_went_live_without_its_record_is_kept(context):
    with context.history as history:
        history.begin(FULL.revision, "refs/heads/master", Origin.PUSH)
        live = history.add_release(FULL).name
    places.live_file(context.site).write_text(json.dumps({"release": live, "generation": 1, "stopped": True}))
    assert prune(context) == (live,)


def test_what_is_kept_can_be_rolled_back_to_after_its_branch_went_elsewhere(context, work):
    sha = source.bring(work.path, context.site.repository, work.commit({"a": "1"}))
    with context.history as history:
        history.went_live(history.add_release(replace(FULL, revision=sha)).name)
    prune(context)
    git = Work(context.site.repository).git
    git("gc", "--quiet", "--prune=now")
    assert source.revision(context.site.repository, sha).sha == sha
