"""The site's own commands: what becomes of their texts, and how they run."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushlive.config.load import load
from pushlive.image.dependencies import Dependencies
from pushlive.image.survey import Interpreter
from pushlive.model.errors import BuildError
from pushlive.model.events import Output, silent
from pushlive.model.source import Revision, Tree
from pushlive.pipeline import commands
from pushlive.pipeline.parts import Parts
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.site_code import run_build_commands
from pushlive.system.process import Completed
from tests.history.conftest import FULL


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("npm ci", ["npm", "ci"]),
        ("say 'a b'", ["say", "a b"]),
        ("a && b", ["/bin/sh", "-c", "a && b"]),
        ("FOO=1 python manage.py migrate", ["/bin/sh", "-c", "FOO=1 python manage.py migrate"]),
        ("npm run build -- --mode=x", ["npm", "run", "build", "--", "--mode=x"]),
        ("echo 'unbalanced", ["/bin/sh", "-c", "echo 'unbalanced"]),
        (" ", ["/bin/sh", "-c", " "]),
    ],
)
def test_a_command_is_run_as_it_is_unless_it_needs_a_shell(text, words):
    assert commands.words(text) == words


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("python manage.py compress", True),
        ("python3 -m compileall . && ls", True),
        ("A=1 B=2 python manage.py x", True),
        ("pythonic", False),
        ("npm run python", False),
        ("cd x && python y", False),
    ],
)
def test_what_begins_with_python_is_known(text, answer):
    assert commands.is_python(text) is answer


@pytest.mark.parametrize(
    ("code", "limit", "cause", "kind"),
    [
        (2, None, "the build command ended with 2: x", ""),
        (-9, None, "the build command was killed by SIGKILL: x", ""),
        (-9, 600.0, "the build command was killed after 600 s: x", "timeout"),
    ],
)
def test_a_command_that_fails_is_told_by_how_it_ended(code, limit, cause, kind):
    done = Completed(("x",), code, "1\n2\n3\n4\n5\n6\n7", "", limit)
    error = commands.failed(BuildError, "the build command", "x", done, where="", remedy="")
    assert (error.cause, error.code) == (cause, kind)
    assert error.evidence == ("2", "3", "4", "5", "6", "7")


def build(context, site_file, report=silent):
    """Run the build commands of a site whose manage.py is in `web`, with a Python of another name."""
    with scratch(context.site) as folder:
        tree = Tree(Revision("a" * 40, "", datetime.now(UTC)), folder / "tree")
        (tree.path / "web").mkdir(parents=True)
        (tree.path / "web" / "page.py").touch()
        (tree.path / "pushlive.toml").write_text(f'[app]\nroot = "web"\nwsgi = "page:application"\n{site_file}')
        site = load(tree.path)
        python = folder / "anaconda"
        python.symlink_to(Path(sys.executable).resolve())
        interpreter = Interpreter(python, "3.11", "", Path(sys.base_prefix))
        packages = Dependencies("", folder, FULL.image.layers[0], ())
        run_build_commands(context, tree, site, Parts(interpreter, packages, packages), report)


def test_what_begins_with_python_finds_it_beside_manage_py_in_a_shell_too(context):
    said = []
    command = "python -c 'import os; print(os.getcwd())' && pwd && python3 --version"
    build(context, f'[build]\ncommands = ["{command}", "pwd"]\n', said.append)
    lines = [event.line for event in said if isinstance(event, Output) and not event.line.startswith("$")]
    assert [Path(line).name for line in lines[:2]] == ["web", "web"]
    assert lines[2].startswith("Python 3")
    assert Path(lines[3]).name == "tree"


def test_a_build_command_past_its_time_is_told_with_the_setting(context):
    with pytest.raises(BuildError) as caught:
        build(context, '[build]\ncommands = ["sleep 60"]\ntimeout = 1\n')
    assert caught.value.cause == "the build command was killed after 1 s: sleep 60"
    assert "[build] timeout" in caught.value.remedy
