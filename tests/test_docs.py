"""What the documents say must be there: their links lead somewhere, and the commands in them exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pushlive.cli.app import pushlive
from pushlive.config.read import read as read_site_file

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")] if path.is_file()
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(pushlive [^`\n]+)`")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """A page's headings, as a browser finds them on a code host."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def commands(text: str) -> Iterator[list[str]]:
    """The pushlive commands of a page: those in shell fences, and those in the text."""
    for language, block in _FENCE.findall(text):
        if language == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                yield from _commands_in(line)
    for command in _INLINE.findall(_FENCE.sub("", text)):
        yield from _commands_in(command)


def _commands_in(line: str) -> Iterator[list[str]]:
    words = shlex.split(line.replace("…", "..."), comments=True)
    starts = [place for place, word in enumerate(words) if word.rpartition("/")[2] == "pushlive"]
    for place in starts:
        before = words[place - 1] if place else "&&"
        if before in {"&&", "|", ";"}:
            rest = words[place + 1 :]
            end = next(
                (index for index, word in enumerate(rest) if word in {"&&", "|", ";", "<", ">", "2>"}), len(rest)
            )
            yield rest[:end]


@pages
def test_links_lead_somewhere(page: Path):
    for link in _LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert ROOT in (target, *target.parents), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pages
def test_the_commands_exist(page: Path):
    for words in commands(page.read_text(encoding="utf-8")):
        check(pushlive, click.Context(pushlive, info_name="pushlive"), words)


@pages
def test_the_site_files_are_valid(page: Path, tmp_path: Path):
    for language, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "toml" and "[project]" not in block:
            assert tomllib.loads(block)
            (tmp_path / "pushlive.toml").write_text(block, encoding="utf-8")
            read_site_file(tmp_path)


def check(group: click.Group, context: click.Context, words: list[str]) -> None:
    """The words are a command of the group, with options that it has, and values that they take."""
    while words and words[0].startswith("-"):
        assert words[0] in {"--help", "-h", "--version", "-V"}, words
        words = words[1:]
    if not words:
        return
    name, *rest = words
    command = group.get_command(context, name)
    assert command is not None, f"there is no command {' '.join(words)!r}"
    inner = click.Context(command, info_name=name, parent=context)
    if isinstance(command, click.Group):
        check(command, inner, rest)
        return
    try:
        command.parse_args(inner, rest)
    except (click.MissingParameter, click.exceptions.Exit):
        return  # the text names the command alone, or asks for its help
    except click.UsageError as error:
        raise AssertionError(f"pushlive {' '.join(words)}: {error.format_message()}") from error


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pushlive up", [["up"]]),
        ("cd mysite && pushlive check --json | head", [["check", "--json"]]),
        ("~/.pushlive/bin/pushlive status   # what is live", [["status"]]),
        ("pushlive env set KEY < key.txt", [["env", "set", "KEY"]]),
        ("cp -r pushlive/examples/simplesite mysite", []),
        ("systemctl enable pushlive", []),
        ("pip install ./pushlive", []),
    ],
)
def test_commands_are_found_in_a_line(line, found):
    assert list(_commands_in(line)) == found


@pytest.mark.parametrize(
    "words", [["delivr"], ["up", "--nmae", "x"], ["env", "put", "A=1"], ["image", "prune", "--all"]]
)
def test_a_command_that_is_not_there_is_found_out(words):
    with pytest.raises(AssertionError):
        check(pushlive, click.Context(pushlive, info_name="pushlive"), words)
