import pytest

from pushlive.model.delivery import Stage
from pushlive.model.errors import SupersededError
from pushlive.model.events import Note, StageFinished, StageStarted
from pushlive.pipeline.stopwatch import Stopwatch


class Newer:
    """Whether a newer delivery waits."""

    waits = False

    def check(self):
        if self.waits:
            raise SupersededError("superseded")


def test_a_stage_is_told_at_its_beginning_and_with_what_it_made_at_its_end():
    told = []
    clock = Stopwatch(told.append, Newer().check)
    with clock.run(Stage.BUILD) as made:
        made("one")
        made("two")
    assert told[0] == StageStarted(Stage.BUILD)
    assert isinstance(told[1], StageFinished)
    assert told[1].detail == "one; two"
    assert list(clock.timings) == ["build"]


@pytest.mark.parametrize("ask", [lambda clock: clock.tell(Note("line")), lambda clock: clock.last_call()])
def test_it_stops_for_a_newer_delivery(ask):
    newer, told = Newer(), []
    clock = Stopwatch(told.append, newer.check)
    newer.waits = True
    with pytest.raises(SupersededError):
        ask(clock)
    assert told == []
    assert not clock.committing


def test_what_is_said_stops_for_nothing():
    newer, told = Newer(), []
    clock = Stopwatch(told.append, newer.check)
    newer.waits = True
    clock.say(Note("line"))
    assert told == [Note("line")]


def test_from_the_commit_on_neither_a_newer_delivery_nor_a_reader_who_left_stops_it():
    newer = Newer()

    def gone(_event):
        raise BrokenPipeError

    clock = Stopwatch(gone, newer.check)
    clock.last_call()
    newer.waits = True
    clock.tell(Note("line"))
    with clock.run(Stage.VERIFY):
        pass
    assert "verify" in clock.timings


def test_before_the_commit_a_reader_who_left_stops_it():
    def gone(_event):
        raise BrokenPipeError

    clock = Stopwatch(gone, Newer().check)
    with pytest.raises(BrokenPipeError):
        clock.tell(Note("line"))
