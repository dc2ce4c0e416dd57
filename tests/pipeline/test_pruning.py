import json

from pushlive.model.delivery import Origin
from pushlive.pipeline.pruning import prune
from pushlive.rollout.local import places
from tests.history.conftest import FULL


def test_a_release_that_went_live_without_its_record_is_kept(context):
    with context.history as history:
        history.begin(FULL.revision, "refs/heads/master", Origin.PUSH)
        live = history.add_release(FULL).name
    places.live_file(context.site).write_text(json.dumps({"release": live, "generation": 1, "stopped": True}))
    assert prune(context) == (live,)
