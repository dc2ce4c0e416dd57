import os

import pytest

from pushlive.image.ignore import Patterns, Reason, Rules, select
from pushlive.model.errors import BuildError, SettingsError
from tests.image.trees import plant

# (patterns, path, ignored), from Docker's documentation and the behaviour of moby/patternmatcher.
DOCKER = [
    (["temp"], "temp", True),
    (["temp"], "sub/temp", False),
    (["*/temp*"], "sub/temporary.txt", True),
    (["*/temp*"], "temporary.txt", False),
    (["*/temp*"], "a/b/temporary.txt", False),
    (["*/*/temp*"], "a/b/temporary.txt", True),
    (["temp?"], "tempa", True),
    (["temp?"], "temp", False),
    (["temp?"], "temp/", False),
    (["**/*.go"], "main.go", True),
    (["**/*.go"], "a/b/c/main.go", True),
    (["*.md", "!README.md"], "README.md", False),
    (["*.md", "!README.md"], "CHANGES.md", True),
    (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
    (["*.md", "README-secret.md", "!README*.md"], "README-secret.md", False),
    (["node_modules"], "node_modules/x/y.js", True),
    (["/anchored"], "anchored", True),
    (["anchored/"], "anchored/file", True),
    (["./anchored"], "anchored", True),
    (["dir/../other"], "other", True),
    (["docs", "!docs/keep"], "docs/keep/this", False),
    (["docs", "!docs/keep"], "docs/drop", True),
    (["*", "!src"], "src/a/b.py", False),
    (["*", "!src"], "manage.py", True),
    (["**"], "a/b", True),
    (["a/**"], "a/b/c", True),
    (["a/**"], "b", False),
    (["a/**/z"], "a/z", True),
    (["a/**/z"], "a/b/c/z", True),
    (["[a-c].txt"], "b.txt", True),
    (["[^a-c].txt"], "b.txt", False),
    (["\\*.txt"], "*.txt", True),
    (["\\*.txt"], "a.txt", False),
    (["a.b"], "axb", False),
    (["  spaced  "], "spaced", True),
    (["# comment", ""], "# comment", False),
    (["!"], "x", False),
]


@pytest.mark.parametrize(("patterns", "path", "ignored"), DOCKER)
def test_patterns_mean_what_docker_means(patterns, path, ignored):
    assert bool(Patterns(patterns).says(path)) is ignored


@pytest.mark.parametrize("bad", ["[a-", "a\\"])
def test_a_pattern_that_cannot_be_read_is_named(bad):
    with pytest.raises(SettingsError, match="is not a pattern") as caught:
        Patterns([bad], where="build.ignore")
    assert caught.value.where == "build.ignore"


def names(tree, **options):
    return {member.name.removeprefix("app/") for member in select(tree, "app", Rules.of(tree, **options)).members}


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "site/.env.production",
        ".envs/.production/.django",
        ".git/config",
        "keys/id_ed25519",
        "db.sqlite3",
        "db.sqlite3-journal",
        "x/__pycache__/a.pyc",
        "node_modules/left-pad/index.js",
        ".venv/bin/python",
    ],
)
def test_secrets_databases_and_local_files_stay_out(tmp_path, name):
    assert names(plant(tmp_path, {"manage.py": "", name: "x"})) == {"manage.py"}


def test_a_private_key_is_found_by_its_content(tmp_path):
    key = "-----BEGIN RSA PRIVATE KEY-----\nx"
    tree = plant(tmp_path, {"a.pem": key, "b.key": key, "ca.pem": "-----BEGIN CERTIFICATE-----", "api.key": "public"})
    assert names(tree) == {"ca.pem", "api.key"}


def test_a_virtual_environment_of_any_name_stays_out(tmp_path):
    assert names(plant(tmp_path, {"env/pyvenv.cfg": "", "env/lib/x.py": "", "a.py": ""})) == {"a.py"}


def test_examples_of_secrets_go_in(tmp_path):
    assert names(plant(tmp_path, {".env.example": "", ".env.sample": ""})) == {".env.example", ".env.sample"}


def test_dockerignore_cannot_let_a_secret_back_in(tmp_path):
    assert names(plant(tmp_path, {".dockerignore": "*\n!app\n!.env", "app/.env": "", ".env": "", "app/a": ""})) == {
        "app/a",
    }


def test_the_site_file_can_let_a_secret_back_in(tmp_path):
    tree = plant(tmp_path, {".env": "", "app/.env": "", "a.py": ""})
    assert names(tree, ignore=["!.env", "a.py"]) == {".env"}


def test_named_data_travels_though_it_is_a_database(tmp_path):
    tree = plant(tmp_path, {"db.sqlite3": "", "other.sqlite3": "", "data/.env": "", "data/a.sqlite3": ""})
    assert names(tree, seeds=["db.sqlite3", "data"]) == {"db.sqlite3", "data/a.sqlite3"}


def test_what_stays_out_for_its_secrets_is_told(tmp_path):
    tree = plant(tmp_path, {".env": "", "db.sqlite3": "", "__pycache__/x.pyc": "", ".dockerignore": "drop", "drop": ""})
    assert select(tree, "app", Rules.of(tree)).left_out == {".env": Reason.SECRET, "db.sqlite3": Reason.DATABASE}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", ".."])
def test_a_link_out_of_the_tree_is_refused(tmp_path, target):
    tree = plant(tmp_path / "tree", {"link": f"->{target}"})
    with pytest.raises(BuildError, match="points outside"):
        names(tree)


def test_a_link_inside_the_tree_stays_a_link(tmp_path):
    tree = plant(tmp_path, {"a/file": "x", "b/link": "->../a/file"})
    assert names(tree) == {"a/file", "b/link"}


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BuildError, match="neither a file"):
        names(tmp_path)
