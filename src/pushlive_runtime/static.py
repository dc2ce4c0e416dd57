"""Files in front of the site: collected static files, and uploads where the site file asks for it.

WhiteNoise finds, types, conditions and slices; this adds what a release needs. Validators come from the content, for
an image's files all have the same time. Nothing is scanned at the start: a file is looked at when it is first asked
for, and text is compressed then, into memory, since a release's tree is read-only.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import threading
from typing import Any, Dict, Iterable, List, Optional, Tuple
from wsgiref.headers import Headers

from whitenoise import WhiteNoise
from whitenoise.responders import NotARegularFileError, StaticFile
from whitenoise.string_utils import decode_path_info

from pushlive_runtime.settings import Mount

HASHED = re.compile(r"\.[0-9a-f]{12,64}\.\w+$")
"""Django's manifest names, and bundlers' that look like them: style.5ca1ab1e0ddb.css."""
COMPRESSIBLE = re.compile(r"text/|application/(javascript|json|manifest\+json|xml|wasm)|image/svg\+xml|font/(ttf|otf)")
INLINE = re.compile(r"image/(?!svg)|video/|audio/|font/|text/plain|application/pdf")
"""What an uploaded file may be shown as. All others are downloaded: they could run as a page of the site."""
SMALLEST, LARGEST = 512, 4 * 1024 * 1024
"""Bytes between which a file is compressed."""
BUDGET = 32 * 1024 * 1024
"""Bytes of compressed files a worker keeps."""
MAX_AGE = 60
CHUNK = 64 * 1024


class ContentFile(StaticFile):  # type: ignore[misc]
    """A file that cannot change as long as the release runs: its ETag is a digest of what is in it."""

    def get_headers(self, headers_list: Any, files: Any) -> Headers:
        """The common headers, without a Last-Modified: an image's files have no true one."""
        headers: Headers = super().get_headers(headers_list, files)
        del headers["Last-Modified"]
        headers["ETag"] = f'"{_digest(files[None].path)}"'
        if COMPRESSIBLE.match(headers["Content-Type"] or ""):
            headers["Vary"] = "Accept-Encoding"
        return headers

    def get_response(self, method: str, request_headers: Dict[str, Any]) -> Any:
        """Leave a Range aside that continues another content (RFC 9110 13.1.5)."""
        if request_headers.get("HTTP_IF_RANGE", self.etag) != self.etag:
            request_headers = {name: value for name, value in request_headers.items() if name != "HTTP_RANGE"}
        return super().get_response(method, request_headers)


class StaticFiles(WhiteNoise):  # type: ignore[misc]
    """The collected static files below one prefix."""

    def __init__(self, mount: Mount) -> None:
        super().__init__(None, max_age=MAX_AGE, immutable_file_test=lambda _, url: bool(HASHED.search(url)))
        self.root = os.path.join(os.path.realpath(mount.root), "")
        self.prefix = mount.url
        self.directories = [(self.root, mount.url)]
        self.compressed: List[int] = []
        self.left = BUDGET
        self.lock = threading.Lock()

    def find(self, url: str) -> Optional[StaticFile]:
        """The file at `url`, None when there is none. May read and compress it: not for an event loop."""
        found = self.files.get(url)
        if found is None:
            found = self._look(url)
            if found is not None:
                self.files[url] = found
        return found

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        """A response for one file, with its compressed variants: beside it, or made now."""
        if not os.path.realpath(path).startswith(self.root):
            raise NotARegularFileError(path)
        headers = self._headers(path, url)
        encodings = {"gzip": path + ".gz", "br": path + ".br"}
        if not os.path.exists(encodings["gzip"]) and COMPRESSIBLE.match(headers["Content-Type"] or ""):
            encodings["gzip"] = self._compress(path)
        return ContentFile(path, headers.items(), stat_cache=stat_cache, encodings=encodings)

    def _look(self, url: str) -> Optional[StaticFile]:
        try:
            return self.find_file(url)
        except (NotARegularFileError, OSError, ValueError):
            return None

    def _headers(self, path: str, url: str) -> Headers:
        headers = Headers([("X-Content-Type-Options", "nosniff"), ("Access-Control-Allow-Origin", "*")])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        return headers

    def _compress(self, path: str) -> str:
        """The path of a compressed copy in memory; one that does not exist when it is not worth it."""
        with self.lock:
            if not SMALLEST <= os.stat(path).st_size <= min(LARGEST, self.left):
                return path + ".gz"
            with open(path, "rb") as file:
                content = file.read()
            data = gzip.compress(content, 6, mtime=0)
            if len(data) > 0.95 * len(content):
                return path + ".gz"
            self.left -= len(data)
            return self._keep(data)

    def _keep(self, data: bytes) -> str:
        descriptor = os.memfd_create("pushlive-static")
        with open(descriptor, "wb", closefd=False) as memory:
            memory.write(data)
        self.compressed.append(descriptor)
        return f"/proc/self/fd/{descriptor}"


class MediaFiles(WhiteNoise):  # type: ignore[misc]
    """Uploaded files: anyone may have written them, and they come and go, so nothing is remembered or trusted."""

    def __init__(self, mount: Mount) -> None:
        super().__init__(None, max_age=MAX_AGE, allow_all_origins=False)
        self.root = os.path.join(os.path.realpath(mount.root), "")
        self.prefix = mount.url
        self.directories = [(self.root, mount.url)]

    def find(self, url: str) -> Optional[StaticFile]:
        """The upload at `url`, None when there is none; nothing whose path has a hidden part."""
        if "/." in url:
            return None
        try:
            return self.find_file(url)
        except (NotARegularFileError, OSError, ValueError):
            return None

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        """A response for one upload; a link that leads out of the folder is not followed."""
        if not os.path.realpath(path).startswith(self.root):
            raise NotARegularFileError(path)
        headers = Headers([("X-Content-Type-Options", "nosniff")])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        if not INLINE.match(headers["Content-Type"] or ""):
            headers["Content-Disposition"] = "attachment"
            headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return StaticFile(path, headers.items(), stat_cache=stat_cache)


class Files:
    """Every mount, asked in turn."""

    def __init__(self, static: Optional[Mount], media: Optional[Mount]) -> None:
        self.mounts: List[Any] = []
        if static is not None:
            self.mounts.append(StaticFiles(static))
        if media is not None:
            self.mounts.append(MediaFiles(media))
        self.prefixes: Tuple[str, ...] = tuple(mount.prefix for mount in self.mounts)

    def find(self, path: str) -> Optional[StaticFile]:
        """The file that `path` names, None when it is the site's to answer."""
        for mount in self.mounts:
            if path.startswith(mount.prefix):
                found: Optional[StaticFile] = mount.find(path)
                if found is not None:
                    return found
        return None


def wsgi_files(app: Any, files: Files) -> Any:
    """Wrap a WSGI application."""
    prefixes = files.prefixes

    def serve(environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(prefixes):
            found = files.find(decode_path_info(path))
            if found is not None:
                response: Iterable[bytes] = WhiteNoise.serve(found, environ, start_response)
                return response
        return app(environ, start_response)  # type: ignore[no-any-return]

    return serve


def asgi_files(app: Any, files: Files) -> Any:
    """Wrap an ASGI application. Files are found and read in a thread: a disk must not hold up the loop."""
    prefixes = files.prefixes

    async def serve(scope: Dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(prefixes):
            response = await _in_thread(_respond, files, scope)
            if response is not None:
                await _send(response, send)
                return
        await app(scope, receive, send)

    return serve


def _respond(files: Files, scope: Dict[str, Any]) -> Any:
    """WhiteNoise's response to an ASGI request, None when no file is meant."""
    found = files.find(scope["path"])
    if found is None:
        return None
    environ = {
        "HTTP_" + bytes(name).decode("latin-1").upper().replace("-", "_"): bytes(value).decode("latin-1")
        for name, value in scope["headers"]
    }
    return found.get_response(scope["method"], environ)


async def _send(response: Any, send: Any) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    try:
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        body = b"" if response.file is None else await _in_thread(response.file.read, CHUNK)
        while len(body) == CHUNK:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = await _in_thread(response.file.read, CHUNK)
        await send({"type": "http.response.body", "body": body})
    finally:
        if response.file is not None:
            response.file.close()


async def _in_thread(function: Any, *args: Any) -> Any:
    import asyncio

    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def _digest(path: str) -> str:
    digest = hashlib.blake2b(digest_size=12)
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1024 * 1024), b""):
            digest.update(chunk)
    return digest.hexdigest()
