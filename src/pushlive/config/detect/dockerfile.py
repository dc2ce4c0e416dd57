"""A Dockerfile's instructions, as far as they say what the author runs (Dockerfile reference, parser and ARG rules)."""

import re
from collections.abc import Iterator

import msgspec

_REFERENCE = r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)"
_PAIR = r"""(\w+)=("[^"]*"|'[^']*'|\S*)"""


class Instruction(msgspec.Struct, frozen=True):
    """One instruction: its line, its name in capitals, its text with ARG defaults put in."""

    line: int
    name: str
    text: str

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """The variables an ENV or ARG sets."""
        pairs = tuple((name, value.strip("\"'")) for name, value in re.findall(_PAIR, self.text))
        name, _, value = self.text.partition(" ")
        return pairs or ((name, value.strip()),)


def read(text: str) -> tuple[Instruction, ...]:
    """The instructions, those of the last stage first: what it runs counts most, and of CMDs the last."""
    stages: list[list[Instruction]] = [[]]
    known: dict[str, str] = {}
    for line, name, rest in _lines(text):
        instruction = Instruction(line, name, _command(_filled(rest, known)))
        if name in {"ARG", "ENV"}:
            known |= dict(instruction.variables)
        if name == "FROM":
            stages.append([])
        stages[-1].append(instruction)
    return tuple(instruction for stage in reversed(stages) for instruction in reversed(stage))


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Instructions with their continuation lines joined and comments left out."""
    start, collected = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start or number
        collected += line.removesuffix("\\") + " "
        if not line.endswith("\\"):
            name, _, rest = collected.strip().partition(" ")
            yield start, name.upper(), rest.strip()
            start, collected = 0, ""


def _command(text: str) -> str:
    """The JSON form of CMD as words with spaces between."""
    if not text.startswith("["):
        return text
    try:
        return " ".join(msgspec.json.decode(text, type=list[str]))
    except (ValueError, RecursionError):
        return text


def _filled(text: str, known: dict[str, str]) -> str:
    return re.sub(_REFERENCE, lambda found: known.get(found[1] or found[3], found[2] or ""), text)
