"""Trees and images to test with."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pushlive.image.build import App, build
from pushlive.image.ignore import Rules
from pushlive.image.layout import Layout
from pushlive.model.image import Image, ImageConfig
from pushlive.model.source import Revision

REVISION = Revision("a" * 40, "a change\n", datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
CONFIG = ImageConfig(
    ("python", "/opt/pushlive/server/run.py", "serve"), "/app", "10001:10001", env={"B": "2", "A": "1"}
)


def plant(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` below `folder`; a name that ends with * is executable, a value that begins with -> a link."""
    for name, content in files.items():
        path = folder / name.rstrip("*")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content[2:])
            continue
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o755 if name.endswith("*") else 0o644)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def image_of(tree: Path, layout: Path, *, overlays: Mapping[str, Path] | None = None, tags=("latest",)) -> Image:
    """The image of a tree with nothing below its own layer."""
    app = App(tree, REVISION, Rules.of(tree), overlays or {})
    return build(app, below=(), config=CONFIG, layout=Layout(layout), tags=(REVISION.sha, *tags))


def listing(folder: Path) -> dict[str, str]:
    """Every file and link below a folder, with its content or target."""
    return {
        os.path.relpath(path, folder): f"->{path.readlink()}" if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
