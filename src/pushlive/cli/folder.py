"""The folder that a command is called in."""

from pathlib import Path


def repository(folder: Path) -> Path | None:
    """The folder itself, or the one above it that git has its data in; None outside of any repository."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
