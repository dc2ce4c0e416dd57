import pytest

from pushlive.image.contents import Entry, Kind, merge
from pushlive.image.ignore import Reason, Rules
from pushlive.image.missing import LeftOut, left_out, nearest, similar
from tests.image.trees import plant

KEY = "-----BEGIN RSA PRIVATE KEY-----"
FILES = {
    ".dockerignore": "# ours\n*.md\n!README.md\ndocs\n",
    "README.md": "",
    "notes.md": "",
    "docs/a/b.txt": "",
    "shop/page.html": "",
    ".env": "",
    "keys/server.pem": KEY,
    "certs/public.pem": "-----BEGIN CERTIFICATE-----",
    "db.sqlite3": "",
    "data/seed.sqlite3": "",
    "node_modules/x/y.js": "",
    "env/pyvenv.cfg": "",
    "env/bin/python": "",
    "logs/a.log": "",
}
WHY = {
    "notes.md": LeftOut("notes.md", Reason.IGNORED, ".dockerignore:2: *.md"),
    "docs/a/b.txt": LeftOut("docs/a/b.txt", Reason.IGNORED, ".dockerignore:4: docs"),
    "docs/a": LeftOut("docs/a/b.txt", Reason.IGNORED, ".dockerignore:4: docs"),
    "logs": LeftOut("logs/a.log", Reason.IGNORED, "build.ignore:2: **/*.log"),
    ".env": LeftOut(".env", Reason.SECRET),
    "keys/server.pem": LeftOut("keys/server.pem", Reason.SECRET),
    "keys": LeftOut("keys/server.pem", Reason.SECRET),
    "db.sqlite3": LeftOut("db.sqlite3", Reason.DATABASE),
    "node_modules/x/y.js": LeftOut("node_modules", Reason.LOCAL),
    "env/bin/python": LeftOut("env", Reason.LOCAL),
    "README.md": None,
    "shop/page.html": None,
    "shop": None,
    "certs/public.pem": None,
    "data/seed.sqlite3": None,
    "nowhere/at/all": None,
    "nowhere.md": None,
}


@pytest.mark.parametrize(("path", "why"), WHY.items(), ids=WHY)
def test_what_keeps_a_path_out_is_named(tmp_path, path, why):
    tree = plant(tmp_path, FILES)
    assert left_out(tree, path, Rules.of(tree, ignore=("x", "**/*.log"), seeds=("data/seed.sqlite3",))) == why


def test_an_exception_of_the_site_file_is_no_reason(tmp_path):
    tree = plant(tmp_path, FILES)
    rules = Rules.of(tree, ignore=("!.env", "!keys/server.pem", "!notes.md"))
    assert [left_out(tree, path, rules) for path in (".env", "keys/server.pem", "notes.md")] == [None] * 3


@pytest.mark.parametrize(
    ("lines", "path", "deciding"),
    [
        (["*.txt", "!a.txt"], "a.txt", "build.ignore:2: !a.txt"),
        (["*.txt", "", " b.txt "], "b.txt", "build.ignore:3: b.txt"),
        (["docs/**"], "docs/a/b", "build.ignore:1: docs/**"),
        (["# a.txt"], "a.txt", ""),
    ],
)
def test_the_last_line_that_matches_decides(tmp_path, lines, path, deciding):
    assert Rules.of(tmp_path, ignore=lines).deciding(path) == deciding


def tree_of(*paths):
    return merge([[Entry(path, Kind.FILE) for path in paths]])


TREE = tree_of("app/shop/Page.html", "app/shop/pages.py", "app/blog/page.html", "opt/x/page.html", "opt/x/other.css")


@pytest.mark.parametrize(
    ("path", "near", "meant"),
    [
        ("/app/shop/page.html", "/app/shop", ("/app/shop/Page.html", "/app/blog/page.html")),
        ("/app/shpo/page.html", "/app", ("/app/shop", "/app/blog/page.html")),
        ("/app/other.css", "/app", ("/opt/x/other.css",)),
        ("/app/shop/pages.py/z", "/app/shop", ("/app/shop/pages.py",)),
        ("/zzz", "/", ()),
        ("/", "/", ()),
    ],
)
def test_what_is_near_a_path_is_told(path, near, meant):
    assert nearest(TREE, path) == near
    assert similar(TREE, path)[:2] == meant
