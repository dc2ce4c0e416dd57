"""A package index on loopback with what a benchmark needs, so that all sides install the same from equally far away.

    python bench/package_index.py FOLDER PORT

It answers as PyPI does: a page for each package (PEP 503), the metadata of wheels beside them (PEP 658), and files that
may be kept for good.
"""

import hashlib
import html
import re
import sys
import zipfile
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOREVER = "max-age=365000000, immutable, public"
WHILE = "max-age=600, public"


class Index(BaseHTTPRequestHandler):
    """`/simple/NAME/` is a page, `/files/WHEEL` and `/files/WHEEL.metadata` are files of `folder`."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        """Answer a page or a file."""
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple":
            self._send(_page(self.folder, name).encode(), "text/html", WHILE)
        elif (content := _file(self.folder / Path(name).name)) is not None:
            self._send(content, "application/octet-stream", FOREVER)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, content: bytes, kind: str, kept: str) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", kept)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _page(folder: Path, name: str) -> str:
    wheels = [path for path in sorted(folder.glob("*.whl")) if _normal(path.name.partition("-")[0]) == name]
    return "<!DOCTYPE html>\n" + "".join(map(_link, wheels))


def _link(wheel: Path) -> str:
    name = html.escape(wheel.name)
    return f'<a href="/files/{name}#sha256={digest(wheel)}" data-core-metadata="true">{name}</a>\n'


def _file(path: Path) -> bytes | None:
    wheel = path.with_suffix("") if path.suffix == ".metadata" else path
    if not wheel.is_file():
        return None
    return wheel.read_bytes() if wheel == path else _metadata(wheel)


def _metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        inside = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return archive.read(inside)


@cache
def digest(wheel: Path) -> str:
    """The sha256 of a wheel."""
    with wheel.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def small_wheel(folder: Path, name: str, version: str) -> str:
    """Put a wheel of one module into the index; returns the line that requires it, with its hash."""
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} --hash=sha256:{digest(wheel)}\n"


if __name__ == "__main__":
    Index.folder = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Index).serve_forever()
