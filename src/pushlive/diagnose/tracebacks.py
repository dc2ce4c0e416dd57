"""Read Python's tracebacks out of logs: chained, in groups, with `^^^^` lines, indented by another program. Pure."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

_START = re.compile(r"(?P<lead>.*?)(?P<group>\+ Exception Group )?Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?\s*$')
_RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<words>.*))?\s*$")
_CARETS = re.compile(r"\s*[~^ ]*[~^]+[~^ ]*$")
_IN_GROUP = re.compile(r"\s*[|+]")
_CHAINED = ("The above exception was the direct cause", "During handling of the above exception")
_MAX_WORDS = 20


class Frame(Struct, frozen=True):
    """A line of code that was running; `code` as the traceback shows it, possibly nothing."""

    file: str
    line: int
    function: str = ""
    code: str = ""


class Raised(Struct, frozen=True):
    """An exception with the frames it went through, outermost first. `type` is dotted as the traceback shows it."""

    type: str
    words: str
    frames: tuple[Frame, ...] = ()
    inner: tuple["Raised", ...] = ()

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]

    @property
    def text(self) -> str:
        """The exception's first line as Python prints it."""
        words = self.words.partition("\n")[0]
        return f"{self.name}: {words}" if words else self.name


Chain = tuple[Raised, ...]
"""Exceptions of which one led to the next; the last is the one that was not caught."""


def chains(text: str) -> tuple[Chain, ...]:
    """Every chain in the text, in order. The first of a group's exceptions comes last: it is what went wrong."""
    found: list[list[Raised]] = []
    lines = text.splitlines()
    linked = False
    number = 0
    while number < len(lines):
        raised, after = _traceback(lines, number)
        if raised is None:
            linked = linked or any(mark in lines[number] for mark in _CHAINED)
            number += 1
            continue
        found.append([*(found.pop() if linked and found else ()), *_unfolded(raised)])
        linked, number = False, after
    return tuple(tuple(chain) for chain in found)


def _unfolded(raised: Raised) -> Iterator[Raised]:
    yield raised
    for inner in reversed(raised.inner):
        yield from _unfolded(inner)


def _traceback(lines: Sequence[str], number: int) -> tuple[Raised | None, int]:
    """The traceback that begins at a line, and the line after it; None when none begins there."""
    start = _START.match(lines[number])
    if start is None:
        return None, number
    indent = len(start["lead"]) if not start["lead"].strip(" |+\t") else 0
    raised, number = _raised(lines, number + 1, indent + (2 if start["group"] else 0))
    if raised is None or not start["group"]:
        return raised, number
    inner, number = _group(lines, number)
    return replace(raised, inner=inner), number


def _raised(lines: Sequence[str], number: int, indent: int) -> tuple[Raised | None, int]:
    frames: list[Frame] = []
    while number < len(lines) and not _START.match(lines[number]):
        line = _unindented(lines[number], indent)
        if found := _FRAME.match(line):
            code = _code(lines, number + 1, indent)
            frames.append(Frame(found["file"], int(found["line"]), found["function"] or "", code))
        elif (raised := _RAISED.match(line)) and not line[:1].isspace():
            words, number = _words(raised["words"] or "", lines, number + 1, indent)
            return Raised(raised["type"], words, tuple(frames)), number
        number += 1
    return None, number


def _group(lines: Sequence[str], number: int) -> tuple[tuple[Raised, ...], int]:
    """The exceptions of a group: lines that begin with | or +, up to the one of dashes alone."""
    inner: list[Raised] = []
    while number < len(lines) and _IN_GROUP.match(lines[number]):
        raised, after = _traceback(lines, number)
        if raised is None and (alone := _RAISED.match(lines[number].strip(" |"))):
            raised, after = Raised(alone["type"], alone["words"] or ""), number + 1
        if raised is not None:
            inner.append(raised)
        number = max(after, number + 1)
    return tuple(inner), number


def _unindented(line: str, indent: int) -> str:
    return line[indent:] if not line[:indent].strip(" |+\t") else line


def _code(lines: Sequence[str], number: int, indent: int) -> str:
    following = _unindented(lines[number], indent) if number < len(lines) else ""
    if not following.startswith("    ") or _FRAME.match(following) or _CARETS.match(following):
        return ""
    return following.strip()


def _words(first: str, lines: Sequence[str], number: int, indent: int) -> tuple[str, int]:
    """The exception's words, with the lines that go on with it."""
    words = [first.strip()]
    while number < len(lines) and len(words) < _MAX_WORDS:
        line = _unindented(lines[number], indent)
        if not _goes_on(line, words):
            break
        words.append(line.strip())
        number += 1
    return "\n".join(words), number


def _goes_on(line: str, words: Sequence[str]) -> bool:
    """A message goes on in an indented line, or after a line that promises more."""
    if not line.strip() or _START.match(line):
        return False
    return line[:1] in {"\t", " "} or words[-1].endswith((":", "."))


def last(text: str) -> Chain:
    """The last chain in the text, that of the last thing that went wrong; nothing when there is none."""
    found = chains(text)
    return found[-1] if found else ()


def places(chain: Chain) -> Iterator[Frame]:
    """The frames of a chain, the most telling first: those of the last exception from the innermost out."""
    for raised in reversed(chain):
        yield from reversed(raised.frames)
