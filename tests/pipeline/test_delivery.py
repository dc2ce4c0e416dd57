"""How a delivery is recorded, with real records, a real repository and stages of our own."""

import pytest

from pushlive import source
from pushlive.model.delivery import Origin, Verdict
from pushlive.model.errors import BuildError
from pushlive.model.events import silent
from pushlive.pipeline.delivery import Order, carry_out
from pushlive.pipeline.diagnosing import failure
from pushlive.pipeline.stopwatch import Stopwatch

REF = "refs/heads/master"


def fails(_clock, _history):
    raise BuildError("the build command ended with 1", output="it said: open-sesame")


def ordered(context, work):
    sha = source.bring(work.path, context.site.repository, work.commit({"a": "1"}))
    return Order(revision=source.revision(context.site.repository, sha), ref=REF, origin=Origin.DELIVER)


def fail(context, work):
    with pytest.raises(BuildError) as caught:
        carry_out(context, ordered(context, work), fails, Stopwatch(silent, lambda: None))
    with context.history as history:
        (last,) = history.deliveries()
    return caught.value, last


def test_a_failure_is_on_record_with_its_output_but_no_secret(context, work):
    context.secrets.set({"PASSWORD": "open-sesame"})
    error, last = fail(context, work)
    assert (error.cause, last.verdict) == ("the build command ended with 1", Verdict.FAILED)
    assert failure(context) == ["it said: [PASSWORD]"]


def test_a_failure_is_on_record_where_the_secrets_are_lost(context, work):
    (context.site.secrets / f"{context.secrets.set({'PASSWORD': 'open-sesame'})}.json").unlink()
    error, last = fail(context, work)
    assert (error.cause, last.verdict) == ("the build command ended with 1", Verdict.FAILED)
