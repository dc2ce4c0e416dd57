import pytest
from msgspec.structs import replace

from pushlive.model.errors import UsageError
from pushlive.model.events import silent
from pushlive.pipeline.again import roll_back
from tests.history.conftest import FULL


def test_a_release_that_was_pruned_is_rolled_back_to_by_its_revision(context):
    with context.history as history:
        for letter in "ab":
            history.went_live(history.add_release(replace(FULL, revision=letter * 40)).name)
    with pytest.raises(UsageError, match="v1 is not kept any more") as caught:
        roll_back(context, "v1", silent)
    assert f"`pushlive deliver {'a' * 12}`" in caught.value.remedy
