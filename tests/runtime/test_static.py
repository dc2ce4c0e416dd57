"""Static and uploaded files: compressed, cached, safe, and the site's where they are not there."""

import gzip
import os

import pytest

from tests.runtime.conftest import replicas_of
from tests.runtime.sites import SITES

CSS = b"body { color: #123456 }\n" * 100
HASHED = "style.5ca1ab1e0ddb.css"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("static")


@pytest.fixture(scope="module")
def files(folder):
    site, media = folder / "app", folder / "media"
    static = site / "staticfiles"
    (static / "css").mkdir(parents=True)
    media.mkdir()
    (static / "css" / "style.css").write_bytes(CSS)
    (static / "css" / HASHED).write_bytes(CSS)
    (static / "logo.png").write_bytes(b"\x89PNG" + bytes(1000))
    (static / "made.js").write_text("as it was written" * 10)
    (static / "made.js.gz").write_bytes(gzip.compress(b"made at build"))
    (static / "leak").symlink_to("/etc/hostname")
    (site / "secret.txt").write_text("secret")
    for name in ("page.html", "drawing.svg", "notes.txt", "photo.jpg", ".hidden", "data.xyz"):
        (media / name).write_text("content of " + name)
    (media / "leak").symlink_to("/etc/hostname")
    return {
        "PUSHLIVE_STATIC_URL": "/static/",
        "PUSHLIVE_STATIC_ROOT": str(static),
        "PUSHLIVE_MEDIA_URL": "media",
        "PUSHLIVE_MEDIA_ROOT": str(media),
    }


@pytest.fixture(scope="module", params=SITES)
def started(request, layer, folder, files):
    (folder / "app" / "app.py").write_text(SITES[request.param])
    with replicas_of(layer, folder / "app", folder) as make:
        yield make(env=files, interface=request.param).start().ready()


def test_text_is_compressed_for_who_takes_it(started):
    plain = started.get("/static/css/style.css")
    packed = started.get("/static/css/style.css", {"Accept-Encoding": "gzip, br"})
    assert (plain.text, plain.getheader("Content-Encoding")) == (CSS, None)
    assert gzip.decompress(packed.text) == CSS
    assert packed.getheader("Content-Encoding") == "gzip"
    assert len(packed.text) == int(packed.getheader("Content-Length"))
    assert packed.getheader("Content-Type") == 'text/css; charset="utf-8"'
    assert plain.getheader("Vary") == packed.getheader("Vary") == "Accept-Encoding"


def test_a_variant_made_at_build_is_used(started):
    assert gzip.decompress(started.get("/static/made.js", {"Accept-Encoding": "gzip"}).text) == b"made at build"


def test_pictures_are_not_compressed(started):
    picture = started.get("/static/logo.png", {"Accept-Encoding": "gzip"})
    assert (picture.getheader("Content-Encoding"), picture.getheader("Content-Length")) == (None, "1004")


def test_hashed_names_are_kept_for_ever_and_others_shortly(started):
    assert started.get(f"/static/css/{HASHED}").getheader("Cache-Control") == "max-age=315360000, public, immutable"
    assert started.get("/static/css/style.css").getheader("Cache-Control") == "max-age=60, public"


def test_what_has_not_changed_is_not_sent_again(started):
    etag = started.get("/static/css/style.css").getheader("ETag")
    again = started.get("/static/css/style.css", {"If-None-Match": etag})
    assert (again.status, again.text) == (304, b"")


def test_another_content_of_the_same_size_and_time_has_another_etag(started, files):
    style = started.get("/static/css/style.css")
    path = os.path.join(files["PUSHLIVE_STATIC_ROOT"], "css", "other.css")  # noqa: PTH118
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(CSS.replace(b"1", b"2"))
    reference = os.stat(os.path.join(files["PUSHLIVE_STATIC_ROOT"], "css", "style.css"))  # noqa: PTH116, PTH118
    os.utime(path, ns=(reference.st_atime_ns, reference.st_mtime_ns))
    assert started.get("/static/css/other.css").getheader("ETag") != style.getheader("ETag")
    assert style.getheader("Last-Modified") is None


def test_a_part_is_sent_only_of_what_the_client_has(started):
    etag = started.get("/static/css/style.css").getheader("ETag")
    part = started.get("/static/css/style.css", {"Range": "bytes=0-3", "If-Range": etag})
    whole = started.get("/static/css/style.css", {"Range": "bytes=0-3", "If-Range": '"old"'})
    assert (part.status, part.text) == (206, b"body")
    assert (whole.status, whole.text) == (200, CSS)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/css/../../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static//etc/hostname",
        "/static/css/..%5c..%5csecret.txt",
        "/static/leak",
        "/static/",
        "/static/css",
        "/static/made.js.gz",
        "/static/%00",
        "/static/" + "a" * 3000,
        "/media/leak",
        "/media/.hidden",
        "/media/",
        "/media/../app/secret.txt",
    ],
)
def test_nothing_outside_and_no_listing(started, path):
    assert started.get(path).text == b"v7-1"


def test_uploads_that_could_run_are_downloaded(started):
    for name in ("page.html", "drawing.svg", "data.xyz"):
        upload = started.get(f"/media/{name}")
        assert upload.text == b"content of " + name.encode()
        assert upload.getheader("Content-Disposition") == "attachment"
        assert "sandbox" in upload.getheader("Content-Security-Policy")


def test_pictures_and_text_that_were_uploaded_are_shown(started):
    for name, kind in (("notes.txt", 'text/plain; charset="utf-8"'), ("photo.jpg", "image/jpeg")):
        upload = started.get(f"/media/{name}")
        assert upload.getheader("Content-Type") == kind
        assert upload.getheader("Content-Disposition") is None
        assert upload.getheader("X-Content-Type-Options") == "nosniff"


def test_an_upload_that_is_replaced_is_served_anew(started, files):
    started.get("/media/notes.txt")
    with open(files["PUSHLIVE_MEDIA_ROOT"] + "/notes.txt", "w") as file:  # noqa: PTH123
        file.write("another")
    assert started.get("/media/notes.txt").text == b"another"


def test_a_large_file_arrives_whole(started, files):
    content = os.urandom(3_000_000)
    with open(files["PUSHLIVE_STATIC_ROOT"] + "/large.bin", "wb") as file:  # noqa: PTH123
        file.write(content)
    assert started.get("/static/large.bin").text == content
