"""How a delivery is recorded, with real records, a real repository and stages of our own."""

import pytest
from msgspec.structs import replace

from pushlive import source
from pushlive.model.delivery import Origin, Verdict
from pushlive.model.errors import BuildError, SourceError
from pushlive.model.events import silent
from pushlive.pipeline.delivery import Order, carry_out, run
from pushlive.pipeline.diagnosing import failure
from pushlive.pipeline.stopwatch import Stopwatch

REF = "refs/heads/master"


def fails(_clock, _history):
    raise BuildError("the build command ended with 1", output="it said: open-sesame")


def ordered(context, work):
    sha = source.bring(work.path, context.site.repository, work.commit({"a": "1"}))
    return Order(revision=source.revision(context.site.repository, sha), ref=REF, origin=Origin.DELIVER)


@pytest.mark.parametrize("deliver", [run, lambda *rest: carry_out(*rest[:-1], Stopwatch(silent, lambda: None))])
def test_a_push_whose_branch_moved_meanwhile_is_refused_and_on_record(context, work, deliver):
    order = replace(ordered(context, work), old="f" * 40, origin=Origin.PUSH)
    with pytest.raises(SourceError, match="master moved to 0000000 meanwhile"):
        deliver(context, order, fails, silent)
    with context.history as history:
        (last,) = history.deliveries()
    assert (last.verdict, last.revision, last.origin) == (Verdict.FAILED, order.revision.sha, Origin.PUSH)
    assert "moved" in last.diagnosis.cause


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
