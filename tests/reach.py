"""What other users of the machine can get at: a checkout may lie in a folder that is closed to them."""

from pathlib import Path


def others_reach(path: Path) -> bool:
    """All folders above `path` let anybody through."""
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)
