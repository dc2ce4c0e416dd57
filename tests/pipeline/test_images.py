"""An image by itself: whose turn it takes, and what becomes of its failures."""

import threading
from contextlib import suppress

import pytest

from pushlive import source
from pushlive.model.errors import PushliveError
from pushlive.model.events import Note, silent
from pushlive.model.source import ZERO
from pushlive.pipeline.diagnosing import failure
from pushlive.pipeline.images import build_only
from pushlive.pipeline.turns import queue

APP = {"pushlive.toml": '[app]\nwsgi = "page:application"\n', "page.py": "application = None\n"}


def pushed(context, work, **files):
    sha = source.bring(work.path, context.site.repository, work.commit(APP | files))
    source.set_ref(context.site.repository, "refs/heads/master", sha, ZERO)


def test_a_build_waits_for_a_delivery_to_end_and_says_so(context, work):
    pushed(context, work, **{"requirements.txt": "no requirement !\n"})
    told, spoke = [], threading.Event()

    def report(event):
        told.append(event)
        spoke.set()

    def build():
        with suppress(PushliveError):
            build_only(context, None, report)

    builder = threading.Thread(target=build)
    with queue(context.site):
        builder.start()
        spoke.wait()
        assert told == [Note("waiting for another command to end")]
    builder.join()


def test_what_a_build_that_fails_printed_is_kept_without_secrets(context, work):
    context.secrets.set({"TOKEN": "open-sesame"})
    pushed(context, work, **{"requirements.txt": "no requirement open-sesame !\n"})
    with pytest.raises(PushliveError) as caught:
        build_only(context, None, silent)
    assert caught.value.code
    assert "[TOKEN]" in "".join(failure(context))
    assert "open-sesame" not in "".join(failure(context)) + str(caught.value) + str(caught.value.evidence)
