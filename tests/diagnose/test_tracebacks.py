import sys
import traceback
from collections.abc import Callable

import pytest

from pushlive.diagnose import tracebacks
from pushlive.diagnose.tracebacks import Chain


def printed(function: Callable[[], object]) -> str:
    """What Python prints of what the function raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001
        return "".join(traceback.format_exception(error))
    raise AssertionError("nothing was raised")


def plainly() -> None:
    raise ValueError("first line\nsecond line")


def chained() -> None:
    try:
        {}["key"]
    except KeyError as error:
        raise RuntimeError("outer") from error


def while_handling() -> None:
    try:
        plainly()
    except ValueError:
        {}["other"]


def grouped() -> None:
    errors: list[Exception] = []
    for function in (plainly, chained):
        try:
            function()
        except (ValueError, RuntimeError) as error:
            errors.append(error)
    raise ExceptionGroup("several", errors)


def uncompilable() -> None:
    compile("x = [\n", "/app/bad.py", "exec")


def names(chain: Chain) -> list[str]:
    return [raised.name for raised in chain]


def test_reads_type_words_and_frames() -> None:
    (raised,) = tracebacks.last(printed(plainly))
    assert (raised.type, raised.words.partition("\n")[0]) == ("ValueError", "first line")
    assert raised.frames[-1].function == "plainly"
    assert raised.frames[-1].file == __file__
    assert raised.frames[-1].code == r'raise ValueError("first line\nsecond line")'


@pytest.mark.parametrize(
    ("function", "expected"), [(chained, ["KeyError", "RuntimeError"]), (while_handling, ["ValueError", "KeyError"])]
)
def test_reads_chains_in_order(function: Callable[[], object], expected: list[str]) -> None:
    assert names(tracebacks.last(printed(function))) == expected


def test_ends_with_the_first_exception_of_a_group() -> None:
    chain = tracebacks.last(printed(grouped))
    assert names(chain)[0] == "ExceptionGroup"
    assert chain[-1].text == "ValueError: first line"
    assert chain[-1].frames[-1].function == "plainly"


def test_reads_a_syntax_error() -> None:
    (raised,) = tracebacks.last(printed(uncompilable))
    assert (raised.frames[-1].file, raised.frames[-1].line) == ("/app/bad.py", 1)
    assert raised.text == "SyntaxError: '[' was never closed"


@pytest.mark.parametrize("indent", ["    ", "         ", "  | "])
def test_reads_what_another_program_indents(indent: str) -> None:
    text = "".join(indent + line for line in printed(chained).splitlines(keepends=True))
    assert names(tracebacks.last(f"error: it failed\n{text}\nhint: try again")) == ["KeyError", "RuntimeError"]


def test_tells_two_tracebacks_from_a_chain() -> None:
    text = f"{printed(plainly)}\nanother request\n{printed(chained)}"
    assert [names(chain) for chain in tracebacks.chains(text)] == [["ValueError"], ["KeyError", "RuntimeError"]]


def test_stops_at_the_next_log_entry() -> None:
    text = printed(lambda: int("x")) + "[2026-01-01 00:00:00 +0000] [1] [INFO] Worker exiting (pid: 1)\n"
    assert tracebacks.last(text)[-1].words == "invalid literal for int() with base 10: 'x'"


def test_a_recursion_is_one_exception() -> None:
    def deep() -> None:
        deep()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        text = printed(deep)
    finally:
        sys.setrecursionlimit(limit)
    assert names(tracebacks.last(text)) == ["RecursionError"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):",
        "Traceback (most recent call last):\n" * 500,
        'Traceback (most recent call last):\n  File "a", line 99999999999, in x',
        "  + Exception Group Traceback (most recent call last):\n" * 200 + "  | E: x\n" + "  +-+--- 1\n" * 100,
        "Traceback (most recent call last):\n\x00\xff\n\tFile",
    ],
)
def test_broken_tracebacks_stop_nothing(text: str) -> None:
    tracebacks.chains(text)
