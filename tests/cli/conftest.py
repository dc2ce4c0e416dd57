from collections.abc import Callable
from pathlib import Path

import pytest

from pushlive.cli.app import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder without a site, and nothing of the developer's own environment."""
    monkeypatch.setenv("PUSHLIVE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("PUSHLIVE_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


@pytest.fixture
def pushlive(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call
