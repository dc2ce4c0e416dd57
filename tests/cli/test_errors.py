import json

import pytest

from pushlive.cli import errors
from pushlive.model.errors import BuildError, PushliveError

FULL = BuildError(
    "flask 99 does not exist",
    where="requirements.txt:3",
    evidence=["flask==99", "No solution found"],
    remedy="Ask for one that does.\n`pip index versions flask` lists them.",
    output="the whole raw log, with a secret in it",
)


def test_an_error_is_told_in_its_order():
    assert errors.lines(FULL) == [
        " !  flask 99 does not exist",
        "    where     requirements.txt:3",
        "    evidence  flask==99",
        "              No solution found",
        "    remedy    Ask for one that does.",
        "              `pip index versions flask` lists them.",
    ]


def test_what_is_not_there_takes_no_line():
    assert errors.lines(PushliveError("it broke")) == [" !  it broke"]


def test_a_blank_line_takes_no_label_with_it():
    told = errors.lines(PushliveError("it broke", evidence=["", "flask==99", " "], remedy="\nMend it."))
    assert told == [" !  it broke", "    evidence  flask==99", "    remedy    Mend it."]


def test_an_error_moves_no_cursor():
    told = errors.lines(PushliveError("\033[2Jit broke", evidence=["a\rb"]))
    assert told == [" !  [2Jit broke", "    evidence  ab"]


def test_programs_get_every_part_and_the_exit_code():
    assert errors.as_dict(FULL) == {
        "error": "BuildError",
        "exit_code": 6,
        "cause": "flask 99 does not exist",
        "where": "requirements.txt:3",
        "evidence": ["flask==99", "No solution found"],
        "remedy": "Ask for one that does.\n`pip index versions flask` lists them.",
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_raw_output_is_never_shown(capsys, as_json):
    errors.show(FULL, as_json=as_json)
    shown = capsys.readouterr()
    assert "secret" not in shown.out + shown.err


def test_people_read_it_on_standard_error_and_programs_on_standard_output(capsys):
    errors.show(FULL, as_json=False)
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.splitlines() == errors.lines(FULL)
    errors.show(FULL, as_json=True)
    shown = capsys.readouterr()
    assert not shown.err
    assert json.loads(shown.out) == errors.as_dict(FULL)
