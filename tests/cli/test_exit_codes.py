import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pushlive.cli import app
from pushlive.model import errors
from pushlive.model.errors import PushliveError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"
CLASSES = sorted(PushliveError.__subclasses__(), key=lambda kind: kind.exit_code)


def test_each_class_has_a_code_of_its_own():
    codes = [kind.exit_code for kind in (PushliveError, *CLASSES)]
    assert codes == list(range(1, len(codes) + 1))


def test_the_tree_in_the_module_s_docstring_is_the_tree():
    told = re.findall(r"\+- (\w+) +(\d+) +", errors.__doc__ or "")
    assert told == [(kind.__name__, str(kind.exit_code)) for kind in CLASSES]


def test_the_reference_lists_them_all_and_no_other():
    rows = dict(re.findall(r"^\| (\d+) \| (?:`(\w+)`)? ?\|", PAGE.read_text(), re.MULTILINE))
    ours = {str(kind.exit_code): kind.__name__ for kind in CLASSES}
    assert {code: name for code, name in rows.items() if name} == ours
    assert set(rows) - set(ours) == {"0", "1", "130", "141"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_command_ends_with_the_code_of_its_error(pushlive, monkeypatch, kind):
    def fail(**_: object):
        raise kind("it broke")

    monkeypatch.setattr(app.pushlive.get_command(None, "status"), "callback", fail)
    code, out, err = pushlive("status")
    assert (code, out, err) == (kind.exit_code, "", " !  it broke\n")


@pytest.mark.parametrize("as_json", [True, False])
def test_what_nobody_foresaw_is_called_a_defect_with_its_traceback(pushlive, monkeypatch, as_json):
    def fail(**_: object):
        raise KeyError("x")

    monkeypatch.setattr(app.pushlive.get_command(None, "status"), "callback", fail)
    code, out, err = pushlive("status", *(["--json"] if as_json else []))
    assert code == 1
    assert "Traceback" in err
    told = json.loads(out)["cause"] if as_json else err
    assert "pushlive itself failed: KeyError: 'x'" in told


def test_ctrl_c_ends_with_130(pushlive, monkeypatch):
    def stop(**_: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(app.pushlive.get_command(None, "status"), "callback", stop)
    assert pushlive("status")[0] == 130


@pytest.mark.parametrize(
    "arguments", [("--help",), ("status", "--help"), ("completion", "bash"), ("check", "--json"), ("status", "--json")]
)
def test_a_reader_that_went_away_ends_with_141(home, arguments):
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "pushlive", *arguments]
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(argv, stdout=nobody, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_command_that_does_not_exist_is_a_usage_error(pushlive):
    code, out, err = pushlive("delivr")
    assert (code, out) == (2, "")
    assert "No such command 'delivr'" in err


def test_programs_read_usage_errors_as_json_too(pushlive):
    code, out, err = pushlive("deliveries", "--limit", "many", "--json")
    assert (code, err) == (2, "")
    found = json.loads(out)
    assert (found["error"], found["exit_code"]) == ("UsageError", 2)
    assert "'many' is not a valid integer" in found["cause"]


def test_json_behind_two_dashes_is_not_ours(pushlive):
    code, out, err = pushlive("run", "--", "python", "manage.py", "dumpdata", "--json")
    assert (code, out) == (2, "")
    assert "there is no site here yet" in err
