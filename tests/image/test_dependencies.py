import gzip
import io
import json
import os
import re
import tarfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from pushlive.config.site import PythonWish, RequirementsKind
from pushlive.diagnose import Context, diagnose
from pushlive.image import dependencies, installer, survey
from pushlive.image.dependencies import PACKAGES, Place, install, install_server, provide
from pushlive.image.failures import NeedsPythonError
from pushlive.image.interpreter import choose
from pushlive.image.layout import Layout
from pushlive.image.plan import Lock
from pushlive.image.sweep import forget_account
from pushlive.model.errors import BuildError, MachineError, PackagesError
from pushlive.system import process
from pushlive.system.files import remove_tree
from tests.image.conftest import NOBODY, OTHER
from tests.image.trees import plant
from tests.image.wheels import backend, digest, index, source, wheel
from tests.servers import git

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="changing user needs root")


def lock(tree, text, **more):
    plant(tree, {"requirements.txt": f"--no-index\n--find-links ./wheels\n{text}\n", **more})
    return Lock(tree, RequirementsKind.REQUIREMENTS, ("requirements.txt",))


def of(place, account):
    return Place(place.cache, place.layout, account)


def content(layout, layer):
    plain = gzip.decompress(layout.blob(layer.digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}


@contextmanager
def failing(words, kind=PackagesError):
    """What uv says when the block fails is understood."""
    with pytest.raises(kind) as caught:
        yield caught
    assert re.search(words, diagnose(caught.value, Context()).cause)


def test_packages_are_installed_with_what_they_need(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", requires=("beta>=2",))
    wheel(open_folder / "tree/wheels", "beta", "2.1")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    assert made.packages == (("alpha", "1.0"), ("beta", "2.1"))
    assert (made.folder / "beta.py").read_text() == "VERSION = '2.1'\n"
    assert f"{PACKAGES}/beta.py" in content(place.layout, made.layer)
    assert not made.reused


def test_the_same_lock_again_runs_nothing(open_folder, place, python, monkeypatch):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    first = install(lock(open_folder / "tree", "alpha"), python, place)
    monkeypatch.setattr(process, "run", None)
    again = install(lock(open_folder / "tree", "alpha  # a comment"), python, place)
    assert again.reused
    assert (again.key, again.layer, again.packages) == (first.key, first.layer, first.packages)


def test_another_site_gets_the_layer_without_an_installation(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    first = install(lock(open_folder / "tree", "alpha"), python, place)
    other = Place(place.cache, Layout(open_folder / "other"))
    made = install(lock(open_folder / "tree", "alpha"), python, other)
    assert made.reused
    assert other.layout.blob(first.layer.digest).samefile(place.layout.blob(first.layer.digest))


def test_two_machines_make_the_same_layer(open_folder, python):
    many = {
        f"pkg/m{number}.py": f"def f{number}(a, b='x{number % 7}'): return a in {{'p', 'q', {number}}}\n"
        for number in range(60)
    }
    many["pkg/broken.py"] = "def ("
    digests = set()
    for name in ("one", "quite/another"):
        home = open_folder / name
        wheel(home / "tree/wheels", "pkg", "1.0", many, script="pkg.m1:f1")
        made = install(lock(home / "tree", "pkg"), python, Place(home / "cache", Layout(home / "images")))
        digests.add(made.layer.digest)
    assert len(digests) == 1


def test_nothing_of_this_machine_is_in_the_layer(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", script="alpha:main")
    plant(open_folder / "tree/local", {"beta-1.0.dist-info/x": ""})
    (open_folder / "tree/local").rename(open_folder / "unused")
    wheel(open_folder / "tree/local", "beta", "1.0")
    made = install(lock(open_folder / "tree", "alpha\n./local/beta-1.0-py3-none-any.whl"), python, place)
    files = content(place.layout, made.layer)
    here = (str(open_folder).encode(), str(python.path).encode(), str(Path.home()).encode() + b"/")
    assert [name for name, text in files.items() if any(part in text for part in here)] == []
    unwanted = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock")
    assert [name for name in files if name.endswith(unwanted)] == []


def test_console_scripts_start_the_python_of_the_path(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "def main(): print('ran')\n"}, script="alpha:main")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    assert (made.folder / "bin/alpha").read_bytes().startswith(b"#!/usr/bin/env python3\n")
    plant(open_folder / "path", {"python3": f"->{python.path}"})
    env = {"PATH": f"{open_folder}/path:/usr/bin:/bin", "PYTHONPATH": str(made.folder)}
    assert process.run([made.folder / "bin/alpha"], env=env).output == "ran\n"


def test_the_record_of_a_rewritten_script_is_right(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", script="alpha:main")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    script = (made.folder / "bin/alpha").read_bytes()
    row = next(line for line in (made.folder / "alpha-1.0.dist-info/RECORD").read_text().splitlines() if "bin/" in line)
    assert row.endswith(f",{len(script)}")


def test_bytecode_is_taken_without_a_look_at_the_source(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "def where(): pass\n"})
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    compiled = next((made.folder / "__pycache__").glob("alpha.*.pyc"))
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"
    (made.folder / "alpha.py").write_text("raise SystemExit('the source was read')\n")
    code = "import sys; sys.path.append(sys.argv[1]); import alpha; print('from bytecode')"
    done = process.run([python.path, "-I", "-B", "-c", code, str(made.folder)], env={})
    assert done.output.strip() == "from bytecode"
    assert f"/{PACKAGES}/alpha.py".encode() in compiled.read_bytes()


def test_no_requirements_are_an_empty_layer(open_folder, place, python):
    made = install(Lock(open_folder), python, place)
    assert made.packages == ()
    assert content(place.layout, made.layer) == {}


def test_a_release_to_come_is_taken_where_the_requirements_let_it(open_folder, place, python):
    for version in ("1.0", "2.0a1"):
        wheel(open_folder / "tree/wheels", "alpha", version)
    assert install(lock(open_folder / "tree", "alpha"), python, place).packages == (("alpha", "1.0"),)
    assert install(lock(open_folder / "tree", "--pre\nalpha"), python, place).packages == (("alpha", "2.0a1"),)


def test_what_may_only_come_as_a_wheel_is_not_built(open_folder, place, python):
    source(open_folder / "tree/wheels", "alpha", "2.0", backend("alpha", "2.0"))
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "--only-binary :all:\nalpha"), python, place)
    assert made.packages == (("alpha", "1.0"),)
    with pytest.raises(BuildError):
        install(lock(open_folder / "tree", "--only-binary=beta,alpha\nalpha==2.0"), python, place)


def test_an_extra_of_a_package_in_the_tree_is_installed(open_folder, place, python):
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += '[project]\nname = "alpha"\nversion = "1.0"\n[project.optional-dependencies]\nmore = ["beta"]\n'
    more = "\\nProvides-Extra: more\\nRequires-Dist: beta; extra == 'more'\\n"
    text = backend("alpha", "1.0").replace("Version: 1.0\\n", f"Version: 1.0{more}")
    plant(open_folder / "tree/libs/alpha", {"pyproject.toml": project, "backend.py": text})
    wheel(open_folder / "tree/wheels", "beta", "1.0")
    made = install(lock(open_folder / "tree", "./libs/alpha[more]"), python, place)
    assert made.packages == (("alpha", "1.0"), ("beta", "1.0"))


def test_included_files_and_constraints_are_followed(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    wheel(open_folder / "tree/wheels", "alpha", "2.0")
    wheel(open_folder / "tree/wheels", "beta", "1.0")
    more = {
        "req/prod.txt": "-r base.txt\nbeta\n",
        "req/base.txt": "alpha\n-c limits.txt\n",
        "req/limits.txt": "alpha<2",
    }
    made = install(lock(open_folder / "tree", "-r req/prod.txt", **more), python, place)
    assert made.packages == (("alpha", "1.0"), ("beta", "1.0"))


def test_a_requirement_that_does_not_exist_is_named(open_folder, place, python):
    with failing("no package named no-such-thing") as caught:
        install(lock(open_folder / "tree", "no-such-thing==1.0", **{"wheels/x": ""}), python, place)
    assert "no-such-thing" in caught.value.output


def test_a_version_that_does_not_exist_is_named(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    with failing("no version ==9 of alpha"):
        install(lock(open_folder / "tree", "alpha==9"), python, place)


def test_a_wheel_for_another_python_alone_is_named(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", tag="cp27-cp27m-win32")
    with failing("alpha==1.0 has no wheel for this Python and platform"):
        install(lock(open_folder / "tree", "alpha==1.0"), python, place)


def test_a_file_that_is_not_the_locked_one_is_refused(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    with failing("its hash differs"):
        install(lock(open_folder / "tree", f"alpha==1.0 --hash=sha256:{'0' * 64}"), python, place)


def test_one_hash_asks_for_all(open_folder, place, python):
    path = wheel(open_folder / "tree/wheels", "alpha", "1.0")
    wheel(open_folder / "tree/wheels", "beta", "1.0")
    with failing("locked with a hash and beta==1.0 is not"):
        install(lock(open_folder / "tree", f"alpha==1.0 --hash={digest(path)}\nbeta==1.0"), python, place)
    made = install(lock(open_folder / "tree", f"alpha==1.0 --hash={digest(path)}"), python, place)
    assert made.packages == (("alpha", "1.0"),)


def test_a_lock_may_have_a_git_address_beside_hashes(open_folder, place, python):
    path = wheel(open_folder / "wheels", "alpha", "1.0")
    repository = git.init(open_folder / "beta")
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += '[project]\nname = "beta"\nversion = "1.0"\n'
    revision = repository.commit({"py/pyproject.toml": project, "py/backend.py": backend("beta", "1.0")})
    packages = {
        "alpha": {"version": "==1.0", "hashes": [digest(path)]},
        "beta": {"git": f"file://{repository.path}", "ref": revision, "subdirectory": "py"},
    }
    with index(open_folder / "wheels") as url:
        document = {"_meta": {"sources": [{"url": url}]}, "default": packages}
        plant(open_folder / "tree", {"Pipfile.lock": json.dumps(document)})
        lock_ = Lock(open_folder / "tree", RequirementsKind.PIPFILE_LOCK, ("Pipfile.lock",))
        assert install(lock_, python, place).packages == (("alpha", "1.0"), ("beta", "1.0"))


def test_a_file_that_is_not_the_one_of_a_lock_is_refused(open_folder, place, python):
    wheel(open_folder / "wheels", "alpha", "1.0")
    with index(open_folder / "wheels") as url:
        packages = {"alpha": {"version": "==1.0", "hashes": [f"sha256:{'0' * 64}"]}}
        document = {"_meta": {"sources": [{"url": url}]}, "default": packages}
        plant(open_folder / "tree", {"Pipfile.lock": json.dumps(document)})
        with pytest.raises(BuildError) as caught:
            install(Lock(open_folder / "tree", RequirementsKind.PIPFILE_LOCK, ("Pipfile.lock",)), python, place)
    assert "Hash mismatch" in caught.value.output


def test_a_package_that_needs_another_python_says_which(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", python=">=4.2")
    for _ in range(2):
        with pytest.raises(NeedsPythonError) as caught:
            install(lock(open_folder / "tree", "alpha==1.0"), python, place)
        assert (caught.value.package, caught.value.specifier) == ("alpha==1.0", ">=4.2")


def test_without_a_wish_the_packages_choose_the_python(open_folder, place):
    newest = max(
        (choice for minor in ("3.11", "3.12", "3.13", "3.14") if (choice := _has(minor, place))),
        default=None,
        key=lambda one: one.number,
    )
    if newest is None or newest.minor == _free(place).minor:
        pytest.skip("one version of Python is all there is")
    wheel(open_folder / "tree/wheels", "alpha", "1.0", python=f">={newest.minor}")
    told = []
    choice, made = provide(PythonWish(), lock(open_folder / "tree", "alpha==1.0"), place, told.append)
    assert choice.interpreter.minor == newest.minor
    assert made.packages == (("alpha", "1.0"),)
    assert provide(PythonWish(), lock(open_folder / "tree", "alpha==1.0"), place)[1].reused


def _has(minor, place):
    answers = survey.Answers(place.cache / "answers.json")
    found = survey.binaries(survey.folders(os.environ, place.cache))
    known = (answers.of(path) for path, version in found.items() if version == tuple(map(int, minor.split("."))))
    return next((one for one in known if one and one.usable), None)


def _free(place):
    return choose(PythonWish(), cache=place.cache).interpreter


def test_a_source_is_built_when_there_is_no_wheel(open_folder, place, python):
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", 'content = "BUILT = 1"'))
    made = install(lock(open_folder / "tree", "alpha==1.0"), python, place)
    assert (made.folder / "alpha.py").read_text() == "BUILT = 1"


@pytest.mark.root
@ROOT
def test_a_source_is_built_as_the_sites_user_with_an_empty_environment(
    open_folder, place, reachable_python, monkeypatch
):
    monkeypatch.setenv("DJANGO_SECRET_KEY", "canary")
    monkeypatch.setenv("UV_INDEX_PRIVATE_PASSWORD", "canary")
    plant(open_folder, {"secret": "canary"})
    (open_folder / "secret").chmod(0o600)
    body = (
        "import json\n"
        f"try:\n    secret = open({str(open_folder / 'secret')!r}).read()\n"
        "except OSError:\n    secret = None\n"
        "content = 'SAW = ' + repr([os.getuid(), os.getgroups(), dict(os.environ), secret])"
    )
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", body))
    made = install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, Place(place.cache, place.layout, NOBODY))
    saw = (made.folder / "alpha.py").read_text()
    assert saw.startswith(f"SAW = [{NOBODY.uid}, [")
    assert "canary" not in saw
    assert saw.endswith(", None]")
    assert (made.folder / "alpha.py").stat().st_uid == 0


@pytest.mark.root
@ROOT
def test_what_one_site_built_is_never_given_to_another(open_folder, place, reachable_python):
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", "content = f'BY = {os.getuid()}'"))
    for account in (NOBODY, OTHER):
        made = install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, account))
        assert not made.reused
        assert (made.folder / "alpha.py").read_text() == f"BY = {account.uid}"
    assert install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, NOBODY)).reused


@pytest.mark.root
@ROOT
def test_wheels_are_for_every_site(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    install(lock(open_folder / "tree", "alpha"), python, of(place, NOBODY))
    assert install(lock(open_folder / "tree", "alpha"), python, of(place, OTHER)).reused


@pytest.mark.root
@ROOT
def test_the_number_of_a_removed_site_comes_with_nothing_that_it_built(open_folder, place, reachable_python):
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0"))
    for account in (NOBODY, OTHER):
        install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, account))
    forget_account(place.cache, NOBODY)
    assert not (place.cache / "builds" / str(NOBODY.uid)).exists()
    assert install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, OTHER)).reused
    assert not install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, NOBODY)).reused


@pytest.mark.root
@ROOT
def test_a_package_in_the_tree_is_built_by_a_user_who_may_not_write_there(open_folder, place, reachable_python):
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += '[project]\nname = "alpha"\nversion = "1.0"\n'
    made_by = backend("alpha", "1.0", "open('alpha.egg-info', 'w').close(); content = 'A = 1'")
    files = {"pyproject.toml": project, "backend.py": made_by}
    plant(open_folder / "tree/libs/a", files)
    made = install(lock(open_folder / "tree", "./libs/a", **{"wheels/x": ""}), reachable_python, of(place, NOBODY))
    assert (made.folder / "alpha.py").read_text() == "A = 1"


@pytest.mark.root
@ROOT
def test_a_build_cannot_have_us_write_anywhere(open_folder, place, reachable_python):
    victim = plant(open_folder / "victim", {"file": "ours"}) / "file"
    body = (
        "import sys\n"
        "for name in ('requirements.txt', 'constraints.txt', 'build.txt'):\n"
        "    for folder in ('.', os.environ['TMPDIR'], os.environ['TMPDIR'] + '/..'):\n"
        "        try:\n            os.remove(folder + '/' + name)\n        except OSError:\n            pass\n"
        f"        try:\n            os.symlink({str(victim)!r}, folder + '/' + name)\n"
        "        except OSError:\n            pass\n"
        "sys.exit('use_2to3 is invalid')"
    )
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", body))
    with pytest.raises(BuildError):
        install(lock(open_folder / "tree", "alpha==1.0"), reachable_python, of(place, NOBODY))
    assert victim.read_text() == "ours"


@pytest.mark.parametrize("line", ["--no-index --no-binary alpha", "--extra-index-url http://h --no-binary alpha"])
def test_no_line_of_the_requirements_makes_us_run_a_packages_code(open_folder, place, python, line):
    ran = open_folder / "ran"
    body = f"open({str(ran)!r}, 'w').close(); content = ''"
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", body))
    with pytest.raises(BuildError, match="is not a requirement"):
        install(lock(open_folder / "tree", f"{line}\nalpha==1.0"), python, place)
    assert not ran.exists()


def test_a_missing_header_is_named_with_its_package(open_folder, place, python):
    body = "import sys\nsys.exit('x.c:1:10: fatal error: libpq-fe.h: No such file or directory')"
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", body))
    with failing("alpha is compiled from source, and the C header libpq-fe.h is not installed"):
        install(lock(open_folder / "tree", "alpha==1.0"), python, place)


def test_setuptools_comes_along_when_a_package_imports_what_it_has(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "import pkg_resources\n"})
    wheel(open_folder / "tree/wheels", "setuptools", "82.0", {"setuptools/__init__.py": ""})
    wheel(
        open_folder / "tree/wheels",
        "setuptools",
        "80.0",
        {"setuptools/__init__.py": "", "pkg_resources/__init__.py": ""},
    )
    made = install(lock(open_folder / "tree", "alpha==1.0\nsetuptools"), python, place)
    assert ("setuptools", "80.0") in made.packages
    assert "alpha.py imports pkg_resources" in made.notes[0]


def test_setuptools_that_cannot_be_had_is_no_installation(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "import pkg_resources\n"})
    for _ in range(2):
        with pytest.raises(BuildError) as caught:
            install(lock(open_folder / "tree", "alpha==1.0"), python, place)
        assert "setuptools" in caught.value.output


def test_setuptools_is_never_built(open_folder, place, python, monkeypatch):
    path = source(open_folder / "tree/wheels", "setuptools", "80.9.0", backend("setuptools", "80.9.0"))
    monkeypatch.setattr(installer, "_SETUPTOOLS", f"setuptools==80.9.0 --hash={digest(path)}")
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "import pkg_resources\n"})
    with pytest.raises(BuildError) as caught:
        install(lock(open_folder / "tree", "alpha==1.0"), python, place)
    assert "setuptools" in caught.value.output


def test_setuptools_comes_from_where_the_site_s_packages_do(open_folder, place, python, monkeypatch):
    path = wheel(open_folder / "tree/wheels", "setuptools", "80.0", {"setuptools/__init__.py": ""})
    monkeypatch.setattr(installer, "_SETUPTOOLS", f"setuptools==80.0 --hash={digest(path)}")
    wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": "import pkg_resources\n"})
    made = install(lock(open_folder / "tree", "alpha==1.0"), python, place)
    assert made.packages == (("alpha", "1.0"), ("setuptools", "80.0"))


def test_a_package_of_ones_own_index_is_never_taken_from_the_public_one(open_folder, place, python):
    wheel(open_folder / "private", "alpha", "1.0", {"alpha.py": "PRIVATE = 1"})
    wheel(open_folder / "public", "alpha", "99.0", {"alpha.py": "EVIL = 1"})
    wheel(open_folder / "public", "beta", "1.0")
    with index(open_folder / "private") as ours, index(open_folder / "public") as theirs:
        text = f"--index-url {theirs}\n--extra-index-url {ours}\nalpha\nbeta\n"
        plant(open_folder / "tree", {"requirements.txt": text})
        made = install(Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",)), python, place)
        assert made.packages == (("alpha", "1.0"), ("beta", "1.0"))
        plant(open_folder / "tree", {"requirements.txt": f"{text}alpha>=99"})
        with pytest.raises(BuildError):
            install(Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",)), python, place)


def test_an_index_that_does_not_answer_is_named(open_folder, place, python, monkeypatch):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    plant(open_folder / "tree", {"requirements.txt": "-i http://127.0.0.1:9/simple\nalpha\n"})
    with failing("index cannot be reached", MachineError):
        install(Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",)), python, place)


def test_the_settings_of_uv_in_the_tree_are_not_read(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha", **{"uv.toml": "[[", ".python-version": "2.7"}), python, place)
    assert made.packages == (("alpha", "1.0"),)


def test_an_installation_that_was_killed_is_made_again(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    (made.folder.parent / "record.json").unlink()
    (made.folder / "alpha.py").unlink()
    again = install(lock(open_folder / "tree", "alpha"), python, place)
    assert (again.folder / "alpha.py").exists()
    assert again.layer.digest == made.layer.digest


def test_a_record_without_its_files_is_no_installation(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    remove_tree(made.folder)
    again = install(lock(open_folder / "tree", "alpha"), python, place)
    assert (again.folder / "alpha.py").exists()


def test_a_layer_that_was_pruned_everywhere_is_made_again(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    for blob in (*place.cache.rglob(made.layer.digest.hex), place.layout.blob(made.layer.digest)):
        blob.unlink()
    again = install(lock(open_folder / "tree", "alpha"), python, place)
    assert not again.reused
    assert place.layout.has(made.layer.digest)


def test_the_server_layer_has_the_runtime_on_top(open_folder, place, python, monkeypatch):
    wheel(open_folder / "wheels", "alpha", "1.0")
    lock_file = open_folder / "server-requirements.txt"
    lock_file.write_text(f"alpha @ file://{open_folder}/wheels/alpha-1.0-py3-none-any.whl\n")
    monkeypatch.setattr(dependencies, "SERVER_REQUIREMENTS", lock_file)
    runtime = plant(
        open_folder / "pushlive_runtime", {"__init__.py": "", "main.py": "x = 1\n", "run.py": "import alpha\n"}
    )
    first = install_server(runtime, python, place)
    files = content(place.layout, first.layer)
    wanted = {"run.py", "alpha.py", "pushlive_runtime/__init__.py", "pushlive_runtime/main.py"}
    assert {f"{dependencies.SERVER}/{name}" for name in wanted} <= set(files)
    assert install_server(runtime, python, place).reused
    (runtime / "main.py").write_text("x = 2\n")
    assert install_server(runtime, python, place).key != first.key


def test_another_builder_is_another_layer(open_folder, place, python, monkeypatch):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    monkeypatch.setattr(dependencies, "BUILDER", "another")
    again = install(lock(open_folder / "tree", "alpha"), python, place)
    assert (again.key == made.key, again.reused) == (False, False)


def test_the_sites_own_code_is_no_part_of_the_layers_key(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha", **{"manage.py": "x = 1\n"}), python, place)
    again = install(lock(open_folder / "tree", "alpha", **{"manage.py": "x = 2\n", "new.py": ""}), python, place)
    assert (again.key, again.reused, again.layer) == (made.key, True, made.layer)


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", ""])
def test_the_password_of_an_index_is_in_no_file_of_the_layer(open_folder, place, python, monkeypatch, variable):
    wheel(open_folder / "index", "alpha", "1.0", script="alpha:main")
    with index(open_folder / "index") as address:
        given = address.replace("://", "://me:canary-index@")
        if variable:
            monkeypatch.setenv(variable, given)
        plant(open_folder / "tree", {"requirements.txt": "alpha\n" if variable else f"--index-url {given}\nalpha\n"})
        made = install(Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",)), python, place)
    files = content(place.layout, made.layer)
    assert f"{dependencies.PACKAGES}/alpha.py" in files
    assert [name for name, text in files.items() if b"canary" in text] == []
    assert "canary" not in repr(made)


def test_another_version_of_python_is_another_layer(open_folder, place, python):
    wheel(open_folder / "tree/wheels", "alpha", "1.0")
    made = install(lock(open_folder / "tree", "alpha"), python, place)
    assert made.key != install(lock(open_folder / "tree", "alpha"), replace(python, platform="other"), place).key
    assert made.key != install(lock(open_folder / "tree", "alpha"), replace(python, version="3.99.0"), place).key
