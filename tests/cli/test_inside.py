"""Looking into the images of a site: real git, real layouts, real records; nothing is started."""

import base64
import io
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushlive import pipeline, source
from pushlive.cli.text import escaped
from pushlive.config.read import read as read_site_file
from pushlive.image.build import App, architecture, build
from pushlive.image.ignore import Rules
from pushlive.model.errors import MachineError
from pushlive.model.image import CONFIG as CONFIG_TYPE
from pushlive.model.image import INDEX, MANIFEST, Descriptor, ImageConfig, Layer
from pushlive.model.release import Release
from pushlive.model.source import ZERO
from pushlive.pipeline import sites
from pushlive.pipeline.looking import ON_BASE
from tests.image.layers import file, folder, hard, layer, link
from tests.servers import podman
from tests.servers.git import Work, init

CONFIG = ImageConfig(("python", "run.py"), "/app", "10001", env={"A": "1"})
PACKAGES = (
    file("opt/packages/django/__init__.py", "x" * 9000),
    file("opt/packages/Django-5.1.dist-info/RECORD", "django/__init__.py,,\nDjango-5.1.dist-info/RECORD,,\n"),
)
UPGRADED = (
    file("opt/packages/django/__init__.py", "y" * 9001),
    file("opt/packages/Django-5.2.dist-info/RECORD", "django/__init__.py,,\nDjango-5.2.dist-info/RECORD,,\n"),
)


class Shop:
    """A site called shop, and its developer's repository, which is the folder the commands are called in."""

    def __init__(self, work: Work) -> None:
        self.context = sites.create(pipeline.home(), "shop", listen="127.0.0.1:18080")
        self.work = work

    def commit(self, files: dict[str, str | bytes]) -> str:
        return self.work.commit(files)

    def build(self, *below: Layer, config: ImageConfig = CONFIG, suffix: str = ""):
        """The image of what is committed; its tags end with `suffix`."""
        repository = self.context.site.repository
        sha = source.bring(self.work.path, repository, "HEAD")
        source.set_ref(repository, "refs/heads/master", sha, source.tip(repository, "refs/heads/master") or ZERO)
        tree = self.work.path.parent / f"tree-{sha}"
        taken = source.checkout(repository, source.revision(repository, sha), tree).tree
        rules = Rules.of(tree, ignore=read_site_file(tree).build.ignore)
        tags = tuple(f"{name}{suffix}" for name in (sha, "latest"))
        try:
            app = App(tree, taken.revision, rules)
            return build(app, below=below, config=config, layout=self.context.images, tags=tags)
        finally:
            shutil.rmtree(tree)

    def release(self, *below: Layer, config: ImageConfig = CONFIG):
        """The image of what is committed, live."""
        made = self.build(*below, config=config)
        with self.context.history as history:
            one = Release("", self.work.head, made, datetime.now(UTC), replicas=1, server="wsgi")
            history.went_live(history.add_release(one).name)
        return made

    def layer(self, *members, title="packages") -> Layer:
        return layer(self.context.images, *members, title=title)


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    found = Shop(init(home.parent / "shop"))
    monkeypatch.chdir(found.work.path)
    return found


@pytest.fixture
def live(shop: Shop) -> Shop:
    shop.commit({"manage.py": "print()\n", "shop/page.html": "<p>", "notes.md": "", ".dockerignore": "# no\n*.md\n"})
    shop.release(shop.layer(*PACKAGES))
    return shop


def test_ls_shows_the_folder_that_processes_start_in(pushlive, live):
    code, out, err = pushlive("image", "ls")
    assert (code, err) == (0, "")
    head, titles, *rows = out.splitlines()
    assert head == f"/app in v1 ({live.work.head[:7]})"
    assert titles.split() == ["MODE", "OWNER", "SIZE", "CHANGED", "LAYER", "NAME"]
    assert [(row.split()[0], row.split()[-2], row.split()[-1]) for row in rows] == [
        ("-rw-r--r--", "app", ".dockerignore"),
        ("-rw-r--r--", "app", "manage.py"),
        ("drwxr-xr-x", "app", "shop"),
    ]


def test_ls_takes_any_path_and_goes_below(pushlive, live):
    assert pushlive("image", "ls", "shop")[1].splitlines()[-1].endswith(" page.html")
    assert pushlive("image", "ls", "shop/page.html")[1].splitlines()[-1].endswith(" page.html")
    assert pushlive("image", "ls", "../opt/packages/django")[1].startswith("/opt/packages/django in ")
    names = [row.split()[-1] for row in pushlive("image", "ls", "-R", "/")[1].splitlines()[2:]]
    assert names[:5] == ["app", "app/.dockerignore", "app/manage.py", "app/shop", "app/shop/page.html"]
    assert "opt/packages/django/__init__.py" in names


def test_ls_tells_programs_all_it_knows(pushlive, live):
    found = json.loads(pushlive("image", "ls", "--json")[1])
    assert (found["release"], found["revision"], found["folder"]) == ("v1", live.work.head, "/app")
    assert found["entries"][1] == {
        "path": "/app/manage.py",
        "kind": "file",
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "size": 8,
        "changed": found["entries"][1]["changed"],
        "target": None,
        "layer": "app",
    }


def test_a_link_is_shown_and_followed_behind_a_slash(pushlive, shop):
    shop.commit({"a": ""})
    shop.release(
        shop.layer(folder("usr/bin"), link("bin", "usr/bin"), file("usr/bin/sh"), hard("usr/bin/dash", "usr/bin/sh"))
    )
    assert pushlive("image", "ls", "/bin")[1].splitlines()[-1].endswith("bin -> usr/bin")
    assert [row.split()[-1] for row in pushlive("image", "ls", "/bin/")[1].splitlines()[2:]] == ["dash", "sh"]


WHY = {
    "notes.md": "but it stays out of the image by .dockerignore:2: *.md",
    "secret/key.pem": "but secret/key.pem stays out of images: it may hold secrets",
    "db.sqlite3": "but db.sqlite3 stays out of images: it is data",
    "node_modules/x.js": "but node_modules never goes into an image",
    "late.txt": "; {work} has it, so it was committed later or never",
    "nowhere.txt": "",
    "docs": "but it stays out of the image by build.ignore:1: docs",
}


@pytest.mark.parametrize(("path", "why"), WHY.items(), ids=WHY)
def test_what_kept_a_file_out_is_said_at_once(pushlive, live, path, why):
    live.commit(
        {
            "secret/key.pem": "-----BEGIN PRIVATE KEY-----",
            "db.sqlite3": "",
            "node_modules/x.js": "",
            "docs/a": "",
            "pushlive.toml": '[build]\nignore = ["docs"]\n',
        }
    )
    live.release()
    live.work.write("late.txt", "")
    code, out, err = pushlive("image", "ls", path)
    has = "has no" if path in {"late.txt", "nowhere.txt"} else "has"
    assert (code, out) == (2, "")
    assert f"/app/{path} is not in the image of v2 ({live.work.head[:7]})" in err
    assert f"{live.work.head[:7]} {has} {path}{'' if has == 'has no' else ', '}{why.format(work=live.work.path)}" in err


def test_what_is_near_is_named_and_how_to_look_there(pushlive, live):
    code, _, err = pushlive("image", "cat", "Shop/Page.html", "--of", "v1")
    assert code == 2
    assert "the nearest folder there is /app\n" in err
    assert "there is /app/shop\n" in err
    assert "`pushlive image ls /app --of v1` lists what is there." in err


def test_another_repository_s_file_is_no_reason(pushlive, live, monkeypatch):
    other = init(live.work.path.parent / "other")
    other.commit({"late.txt": ""})
    monkeypatch.chdir(other.path)
    assert "has it" not in pushlive("image", "ls", "late.txt")[2]


NAMES = ("v1", "latest", "master", "HEAD", "{sha}", "{sha:.7}", "sha256:{image}", "{image}", "{image:.8}")


@pytest.mark.parametrize("word", NAMES)
def test_an_image_goes_by_many_names(pushlive, live, word):
    known = live.context.images.tags()["latest"]
    code, out, err = pushlive("image", "ls", "--json", "--of", word.format(sha=live.work.head, image=known.hex))
    assert (code, err) == (0, "")
    assert json.loads(out)["image"] == str(known)


def foreign(shop: Shop, *layers: Layer, platform: str, gone: bool = False):
    """An image's manifest as other builders write it, without a word too many; `gone` leaves it out of the layout."""
    config = {"architecture": platform, "os": "linux", "config": {"Entrypoint": None, "Env": None, "Labels": None}}
    config["rootfs"] = {"type": "layers", "diff_ids": [str(each.diff_id) for each in layers]}
    images = shop.context.images
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": images.put(json.dumps(config).encode(), CONFIG_TYPE).json(),
        "layers": [Descriptor(each.media_type, each.digest, each.size).json() for each in layers],
    }
    found = images.put(json.dumps(manifest).encode(), MANIFEST)
    if gone:
        images.blob(found.digest).unlink()
    return found.json() | {"platform": {"architecture": platform, "os": "linux"}}


def test_an_image_that_others_made_is_looked_into_by_its_digest(pushlive, shop):
    lower, upper = shop.layer(file("etc/a", "1"), title=""), shop.layer(file("etc/b", "2"), title="")
    one = foreign(shop, lower, upper, platform=architecture())
    code, out, _ = pushlive("image", "ls", "/etc", "--of", one["digest"])
    assert code == 0
    assert [row.split()[-3:] for row in out.splitlines()[2:]] == [["layer", "1", "a"], ["layer", "2", "b"]]
    assert "has no entrypoint" in pushlive("image", "run", "--of", one["digest"])[2]


def test_of_an_index_it_is_the_image_for_this_machine_or_one_that_is_here(pushlive, shop):
    here, there = (shop.layer(file(name)) for name in ("here", "there"))
    other = foreign(shop, there, platform="riscv64")
    ours = foreign(shop, here, platform=architecture())
    gone = foreign(shop, platform="s390x", gone=True)

    def index(*entries):
        content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        digest = shop.context.images.put(json.dumps(content).encode(), INDEX).digest
        return pushlive("image", "ls", "/", "--of", str(digest))[1].split()[-1]

    assert index(gone, other, ours) == "here"
    assert index(gone, other) == "there"


def test_the_newest_image_is_meant_before_anything_is_live(pushlive, shop):
    assert "there is no image here yet" in pushlive("image", "ls")[2]
    shop.commit({"a": "1"})
    shop.build()
    assert pushlive("image", "ls")[1].startswith(f"/app in {shop.work.head[:7]}\n")


UNKNOWN = {
    "v9": "there is no branch, tag or commit v9 here",
    "sha256:" + "0" * 64: "there is no image sha256:0000",
    "v1-on-base": "has no image on a base here",
    "{layer}": "is not an image's manifest",
    "{unbuilt}": "has no image here",
}


@pytest.mark.parametrize(("word", "cause"), UNKNOWN.items(), ids=UNKNOWN)
def test_a_word_that_means_no_image_is_an_error(pushlive, live, word, cause):
    built = live.context.images.read(live.context.images.tags()["latest"])
    unbuilt = live.commit({"new": ""})
    source.bring(live.work.path, live.context.site.repository, "HEAD")
    code, _, err = pushlive("image", "sizes", word.format(layer=built.layers[0].digest, unbuilt=unbuilt))
    assert code
    assert cause in err


def test_a_release_whose_image_was_removed_says_how_to_get_it(pushlive, live):
    live.context.images.prune([])
    _, _, err = pushlive("image", "ls")
    assert "the image of v1 was removed" in err
    assert f"`pushlive build {live.work.head[:7]}` makes it again." in err


def test_cat_gives_exact_bytes_to_a_pipe(live):
    content = bytes(range(256)) * 4000
    live.commit({"data.bin": content})
    live.release()
    done = run_here(live, "image", "cat", "data.bin")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == content


def run_here(shop: Shop, *arguments: str, **options):
    return subprocess.run([sys.executable, "-m", "pushlive", *arguments], capture_output=True, check=False, **options)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_cat_escapes_what_a_terminal_would_obey(pushlive, live):
    live.commit({"evil.txt": "\033[2Jgone\r\n\tbell\x07 \u202etxet\n"})
    live.release()
    with redirect_stdout(Terminal()) as terminal:
        assert pushlive("image", "cat", "evil.txt")[0] == 0
    assert terminal.getvalue() == "\\x1b[2Jgone\\r\n\tbell\\x07 \\u202etxet\n"


@pytest.mark.parametrize(("content", "cause"), [(b"a\0b", "is no text"), (b"x" * 1_100_000, "too many for a terminal")])
def test_cat_keeps_what_is_no_text_or_too_much_from_a_terminal(pushlive, live, content, cause):
    live.commit({"file": content})
    live.release()
    with redirect_stdout(Terminal()) as terminal:
        code, _, err = pushlive("image", "cat", "file")
    assert (code, terminal.getvalue()) == (2, "")
    assert cause in err


def test_cat_tells_programs_text_or_base64(pushlive, live):
    live.commit({"text": "é\n", "bytes": b"\xff\0"})
    live.release()
    assert json.loads(pushlive("image", "cat", "text", "--json")[1])["text"] == "é\n"
    found = json.loads(pushlive("image", "cat", "bytes", "--json")[1])
    assert (found["text"], base64.b64decode(found["base64"])) == (None, b"\xff\0")


def test_cat_of_a_folder_says_so(pushlive, live):
    code, _, err = pushlive("image", "cat", "shop")
    assert code == 2
    assert "/app/shop is no file but a folder" in err


def test_cat_follows_links_and_hidden_files_stay_hidden(pushlive, shop):
    shop.commit({"a": "site"})
    lower = shop.layer(file("etc/a", "lower"), link("etc/l", "/etc/a"), file("etc/b", "b"))
    upper = shop.layer(file("etc/a", "upper"), file("etc/.wh.b"))
    shop.release(lower, upper)
    assert json.loads(pushlive("image", "cat", "/etc/l", "--json")[1])["text"] == "upper"
    assert "is not in the image" in pushlive("image", "cat", "/etc/b")[2]


def test_names_cannot_forge_lines_or_move_the_cursor(pushlive, shop):
    shop.commit({"a": ""})
    shop.release(
        shop.layer(file("evil/\033[2J\n-rw-r--r-- forged"), file(b"evil/\xff".decode(errors="surrogateescape")))
    )
    code, out, _ = pushlive("image", "ls", "/evil")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "\\x1b[2J\\n-rw-r--r-- forged" in out
    assert "\\udcff" in out
    assert pushlive("image", "ls", "/evil", "--json")[0] == 0
    assert pushlive("image", "diff", "v1", "latest")[0] == 0
    assert escaped("a\tb", keep="\t") == "a\tb"


def test_diff_shows_packages_then_settings_then_files(pushlive, live):
    first = live.work.head[:7]
    (live.work.path / "shop/page.html").unlink()
    live.commit({"new.py": "1", "manage.py": "print(1)\n"})
    config = ImageConfig(("python", "run.py"), "/app", "0", env={"A": "2"})
    live.release(live.layer(*UPGRADED), config=config)
    code, out, _ = pushlive("image", "diff", "v1")
    assert code == 0
    assert out.splitlines() == [
        f"v1 ({first}) -> v2 ({live.work.head[:7]})",
        "",
        "packages: 1",
        "  ~ django 5.1 -> 5.2  (3 files, +1 bytes)",
        "",
        "configuration: 2",
        "  ~ user: 10001 -> 0",
        "  ~ env A: 1 -> 2",
        "",
        "files: 3",
        "  ~ /app/manage.py  content 8 bytes -> 9 bytes",
        "  + /app/new.py  1 bytes",
        "  - /app/shop/page.html  3 bytes",
        "",
        "0 of 2 layers are the same.",
    ]


def test_diff_lists_every_file_when_asked_and_for_programs(pushlive, live):
    live.release(live.layer(*UPGRADED))
    out = pushlive("image", "diff", "v1", "v2", "--all")[1]
    assert "  ~ /opt/packages/django/__init__.py  content 9,000 bytes -> 9,001 bytes" in out
    found = json.loads(pushlive("image", "diff", "v1", "v2", "--json")[1])
    assert found["packages"] == [{"name": "django", "before": "5.1", "after": "5.2", "files": 3, "growth": 1}]
    assert found["same_layers"] == 1
    (change,) = [each for each in found["files"] if each["path"].endswith("__init__.py")]
    assert (change["differs"], change["package"]) == (["content"], "django")


def test_diff_of_one_image_is_nothing(pushlive, live):
    assert pushlive("image", "diff", "v1", "latest")[1].endswith("\nNothing differs.\n")


def test_a_file_that_another_layer_gives_the_same_content_does_not_differ(pushlive, live):
    shared = live.layer(*PACKAGES)
    live.release(shared, live.layer(PACKAGES[0], title="again"))
    assert "files:" not in pushlive("image", "diff", "v1", "v2")[1]


def test_sizes_go_by_layer_package_and_file(pushlive, live):
    code, out, _ = pushlive("image", "sizes", "--limit", "1")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line] == [
        "v1",
        "LAYER",
        "packages",
        "app",
        "PACKAGE",
        "django",
        "BYTES",
        "9,000",
    ]
    found = json.loads(pushlive("image", "sizes", "v1", "--json")[1])
    assert found["packages"][0] == {
        "name": "django",
        "version": "5.1",
        "folder": "/opt/packages",
        "size": 9051,
        "files": 2,
    }
    assert [each["title"] for each in found["layers"]] == ["packages", "app"]
    assert found["layers"][0]["unpacked"] > 9051 > found["layers"][0]["packed"]
    assert found["files"][0] == {"path": "/opt/packages/django/__init__.py", "size": 9000}


def test_a_damaged_layer_is_named(pushlive, live):
    built = live.context.images.read(live.context.images.tags()["latest"])
    blob = live.context.images.blob(built.layers[0].digest)
    blob.write_bytes(blob.read_bytes()[:-20])
    code, _, err = pushlive("image", "ls")
    assert code == 11
    assert "is damaged" in err


def test_without_a_base_there_is_nothing_to_run(pushlive, live):
    code, _, err = pushlive("image", "run", "--", "ls")
    assert code == 2
    assert "has no base image below it" in err
    assert f"`pushlive build {live.work.head[:7]} --base IMAGE` builds one that can." in err


def test_a_program_that_a_base_does_not_have_is_named(pushlive, shop):
    shop.commit({"a": ""})
    shop.release(shop.layer(file("bin/sh", mode=0o755), file("bin/plain"), title="base"))
    for program in ("nothing", "/bin/plain", "./sh"):
        code, _, err = pushlive("image", "run", "--", program)
        assert code == 2
        assert f"has no program {program}\n" in err


@pytest.fixture
def based(shop: Shop) -> Shop:
    """The live image has no base; one that was built on a base has a shell, with the libraries that it needs."""
    shop.commit({"hello.txt": "hello from the image\n"})
    shop.release()
    shop.build(shop.layer(*programs("sh", "cat"), title="base"), suffix=ON_BASE)
    return shop


def programs(*names: str):
    """Members for programs of this machine, for the libraries that they say they need, and for all folders."""
    found = [Path(shutil.which(name)).resolve() for name in names]
    told = "".join(subprocess.run(["ldd", each], capture_output=True, text=True, check=False).stdout for each in found)
    libraries = {word.strip("/"): Path(word) for word in told.split() if word.startswith("/")}
    files = {f"bin/{name}": path for name, path in zip(names, found, strict=True)} | libraries
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    yield from (folder(each) for each in sorted(folders))
    yield from (file(name, path.read_bytes(), mode=0o755) for name, path in files.items())


def engines() -> list[str]:
    return [
        name
        for name in ("docker", "podman")
        if shutil.which(name) and not subprocess.run([name, "version"], capture_output=True, check=False).returncode
    ]


def without_engines(folder: Path, *others: tuple[str, str]) -> str:
    """A PATH that has git, and these scripts."""
    folder.mkdir()
    (folder / "git").symlink_to(shutil.which("git"))
    for name, text in others:
        script = folder / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_without_an_engine_the_remedy_is_named(pushlive, based, monkeypatch):
    monkeypatch.setenv("PATH", without_engines(based.work.path.parent / "bin"))
    code, _, err = pushlive("image", "run", "--", "cat", "hello.txt")
    assert code == MachineError.exit_code
    assert "neither Docker nor Podman is installed" in err


def test_an_engine_that_does_not_answer_is_not_taken_for_one(pushlive, based, monkeypatch):
    broken = ("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    monkeypatch.setenv("PATH", without_engines(based.work.path.parent / "bin", broken))
    code, _, err = pushlive("image", "run", "--", "cat", "hello.txt")
    assert code == MachineError.exit_code
    assert "docker is installed, but does not answer" in err
    assert "Cannot connect to the Docker daemon" in err


@pytest.fixture
def loaded(based: Shop) -> Iterator[str]:
    """What the image on a base is called in the engine, which forgets it in the end."""
    digest = based.context.images.tags()[f"latest{ON_BASE}"]
    name = f"localhost/shop:{digest.hex[:12]}"
    yield name
    for engine in engines():
        subprocess.run([engine, "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.mark.skipif(not engines(), reason="neither Docker nor Podman answers here")
def test_an_image_on_a_base_runs_in_a_container(based, loaded, monkeypatch, tmp_path):
    for name, value in podman.modest(tmp_path).items():
        monkeypatch.setenv(name, value)
    for _ in range(2):  # the second finds it loaded
        done = run_here(based, "image", "run", "--", "cat", "hello.txt")
        assert (done.returncode, done.stdout) == (0, b"hello from the image\n"), done.stderr
    done = run_here(based, "image", "run", "-e", "A=5", "--", "sh", "-c", "echo $A; exit 7")
    assert (done.returncode, done.stdout) == (7, b"5\n")
    assert (
        subprocess.run([*engines()[:1], "image", "inspect", loaded], capture_output=True, check=False).returncode == 0
    )
