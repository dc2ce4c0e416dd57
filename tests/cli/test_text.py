import io

import pytest

from pushlive.cli.text import RED, colours, painted, plain, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tab\tand\nline stay", "tab\tand\nline stay"),
        ("\033[2Jgone", "[2Jgone"),
        ("over\rwritten", "overwritten"),
        ("a\x9b31mb", "a31mb"),
        ("turned \u202etxet", "turned txet"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("Größe 大 🎈", "Größe 大 🎈"),
    ],
)
def test_plain_keeps_letters_and_drops_what_steers_a_terminal(text, shown):
    assert plain(text) == shown


def test_a_terminal_shows_colours(terminal):
    assert colours(terminal)
    assert painted("bad", RED, terminal) == "\033[31mbad\033[0m"


def test_a_file_shows_none():
    assert painted("bad", RED, io.StringIO()) == "bad"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", ""), ("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_shows_none_when_its_owner_says_so(terminal, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert painted("bad", RED, terminal) == "bad"


def test_a_table_is_as_wide_as_what_is_in_it():
    rows = [("v10", "a"), ("v9", "longer")]
    assert table(rows, ("NAME", "")) == ["NAME", "v10   a", "v9    longer"]


def test_a_table_shows_no_control_characters():
    assert table([("a\033b", "c")], ("X", "Y")) == ["X   Y", "ab  c"]
