import io
import json

import pytest

from pushlive.cli.report import bar, json_reporter, text_reporter
from pushlive.model.delivery import Stage
from pushlive.model.events import Note, Output, Progress, StageFinished, StageStarted


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


EVENTS = (
    StageStarted(Stage.BUILD),
    StageFinished(Stage.BUILD, 0.25, "sha256:0123"),
    StageStarted(Stage.RELEASE),
    Output("Operations to perform:"),
    Output("  Apply all migrations: auth"),
    StageFinished(Stage.RELEASE, 1.5, "v1: migrate"),
    Note("DEBUG is on", warning=True),
    Note("nothing to deliver"),
)


def told(stream: io.StringIO, *events) -> list[str]:
    report = text_reporter(stream)
    for event in events:
        report(event)
    return stream.getvalue().splitlines()


def test_a_stage_that_prints_nothing_is_one_line_and_what_one_prints_stands_below_its_name():
    assert told(io.StringIO(), *EVENTS) == [
        f"-----> build         {'sha256:0123':56}   0.25 s",
        "-----> release",
        "       Operations to perform:",
        "         Apply all migrations: auth",
        f"-----> release       {'v1: migrate':56}   1.50 s",
        "  warning: DEBUG is on",
        "       nothing to deliver",
    ]


def test_the_running_stage_shows_on_a_terminal_and_is_overwritten(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    told(stream, *EVENTS[:2])
    assert stream.getvalue() == f"-----> build ...\r\033[K-----> build         {'sha256:0123':56}   0.25 s\n"


TRACEBACK = """\
  Applying entries.0002_tidy...Traceback (most recent call last):
  File "/app/manage.py", line 9, in <module>
    execute_from_command_line(sys.argv)

sqlite3.IntegrityError: UNIQUE constraint failed

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/manage.py", line 9, in <module>
    ^^^^^^^
django.db.utils.IntegrityError: UNIQUE constraint failed
that was it"""


def test_a_transfer_is_a_bar_on_a_terminal_and_nothing_elsewhere(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    events = (StageStarted(Stage.PUSH), Progress("push", 0, 2_000_000), Progress("push", 1_000_000, 2_000_000))
    stream = Terminal()
    told(stream, *events)
    *_, half = stream.getvalue().split("\033[K")
    assert half == f"-----> push          [{'#' * 15}{' ' * 15}] 1.0 of 2.0 MB\r"
    assert told(io.StringIO(), *events) == []


def test_a_bar_is_full_and_not_more():
    assert bar(0, 0).startswith(f"[{'#' * 30}]")
    assert bar(30, 20).startswith(f"[{'#' * 30}]")


def test_of_a_traceback_the_exceptions_are_shown():
    lines = told(io.StringIO(), StageStarted(Stage.RELEASE), *map(Output, TRACEBACK.splitlines()))
    assert [line.strip() for line in lines] == [
        "-----> release",
        "Applying entries.0002_tidy...",
        "sqlite3.IntegrityError: UNIQUE constraint failed",
        "django.db.utils.IntegrityError: UNIQUE constraint failed",
        "that was it",
    ]


def test_a_stage_that_takes_long_is_named_while_it_runs(monkeypatch):
    monkeypatch.setattr("pushlive.cli.report.PATIENCE", 0.01)
    stream = io.StringIO()
    report = text_reporter(stream)
    report(StageStarted(Stage.ROLLOUT))
    while not stream.getvalue():
        pass
    report(StageFinished(Stage.ROLLOUT, 3.0, "v2: 2 replicas started"))
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["rollout", "rollout"]


@pytest.mark.parametrize("event", [Output("a\033[2Jb"), Note("a\033[2Jb"), StageFinished(Stage.BUILD, 0, "a\033[2Jb")])
def test_nothing_a_site_prints_steers_the_terminal(event):
    (line,) = told(io.StringIO(), event)
    assert "\033" not in line


def test_programs_get_an_object_a_line():
    stream = io.StringIO()
    report = json_reporter(stream)
    for event in EVENTS:
        report(event)
    objects = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert objects[1] == {"event": "StageFinished", "stage": "build", "seconds": 0.25, "detail": "sha256:0123"}
    assert objects[3] == {"event": "Output", "line": "Operations to perform:"}
    assert objects[6] == {"event": "Note", "text": "DEBUG is on", "warning": True}
    assert len(objects) == len(EVENTS)
