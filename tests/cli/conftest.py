import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pushlive.cli.app import run


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder without a site, and nothing of the developer's own environment."""
    root = Path(tempfile.mkdtemp(prefix="pl-"))  # short: sockets below it have 107 bytes
    root.chmod(0o755)
    monkeypatch.setenv("PUSHLIVE_HOME", str(root / "state"))
    monkeypatch.delenv("PUSHLIVE_SITE", raising=False)
    monkeypatch.chdir(root)
    yield root / "state"
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def pushlive(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call
