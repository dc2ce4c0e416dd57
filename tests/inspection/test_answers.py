from pathlib import Path

from pushlive.inspection.answers import observation, records
from pushlive.inspection.values import App, Level

APP = App(Path("/tree"))


def seen(text):
    return observation(text, APP, nonce="abc", code=0, printed="")


def test_only_lines_under_the_number_are_taken():
    text = 'abc {"record": "begin", "job": "settings"}\nxyz {"record": "end"}\nnoise\nabc not json\nabc {"record": "e'
    assert [record["record"] for record in records(text, "abc")] == ["begin"]


def test_a_process_that_was_cut_off_has_said_how_far_it_came():
    found = seen('abc {"record": "begin", "job": "settings"}\nabc {"record": "begin", "job": "check"}\n')
    assert found.reached == "check"
    assert not found.ended
    assert found.settings is None


def test_a_check_of_a_level_of_its_own_counts_as_the_one_below():
    message = '{"id": "x.1", "level": 35, "message": "m", "hint": ""}'
    assert seen(f'abc {{"record": "check", "messages": [{message}]}}').checks[0].level is Level.WARNING
