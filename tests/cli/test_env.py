import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pushlive import pipeline
from pushlive.pipeline import sites


@pytest.fixture(autouse=True)
def shop(home: Path) -> None:
    sites.create(pipeline.home(), "shop", listen="127.0.0.1:18080")


def values() -> dict[str, str]:
    return pipeline.open_site(pipeline.home(), "shop").secrets.values()


@pytest.fixture
def given(pushlive, monkeypatch):
    """`env set` with something on its standard input."""

    def call(text: bytes, *pairs: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return pushlive("env", "set", *pairs)

    return call


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"hush", "hush"),
        (b"hush\n", "hush"),
        (b"hush\r\n", "hush"),
        (b" hush \n\n", " hush \n"),
        (b"-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n", "-----BEGIN KEY-----\nMIIE\n-----END KEY-----"),
        ("schlüssel".encode(), "schlüssel"),
    ],
)
def test_a_name_alone_takes_all_of_standard_input_but_its_last_line_end(given, text, value):
    assert given(text, "TOKEN", "LEVEL=3") == (0, "LEVEL, TOKEN set, for the first delivery.\n", "")
    assert values() == {"TOKEN": value, "LEVEL": "3"}


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n", b"a\0b", b"\xff\xfe"])
def test_what_can_be_no_value_is_refused(given, text):
    code, _, err = given(text, "TOKEN")
    assert code == 2
    assert "TOKEN" in err
    assert values() == {}


def test_standard_input_has_one_value_alone(given):
    code, _, err = given(b"hush\n", "TOKEN", "KEY")
    assert code == 2
    assert "TOKEN, KEY have none" in err
    assert values() == {}


def test_a_value_may_be_nothing_where_that_is_said(given):
    assert given(b"hush\n", "TOKEN=")[0] == 0
    assert values() == {"TOKEN": ""}


def test_on_a_terminal_the_value_is_asked_for_and_not_shown(home):
    ours, theirs = os.openpty()
    argv = ["setsid", "--ctty", sys.executable, "-m", "pushlive", "env", "set", "TOKEN"]
    with subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        while b"TOKEN: " not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, b"hush\n")
        out, _ = running.communicate()
    shown += os.read(ours, 1024)
    os.close(ours)
    assert out == b"TOKEN set, for the first delivery.\n"
    assert b"hush" not in shown
    assert values() == {"TOKEN": "hush"}
