import pytest

from pushlive.image.normalise import normalise, wants_setuptools
from pushlive.model.errors import BuildError
from tests.image.trees import plant


def record_after(folder, python, text):
    plant(folder, {"alpha-1.dist-info/RECORD": text})
    normalise(folder, "/opt/packages", python, folder.parent / "bytecode")
    return (folder / "alpha-1.dist-info/RECORD").read_bytes()


def test_a_record_has_us_read_nothing_but_scripts(tmp_path, python):
    """The second one would be read for ever."""
    plant(tmp_path, {"secret": "canary", "packages/alpha.py": "", "outside/bin/x": ""})
    text = "bin/../../secret,,\nbin/../../../../../../../../../dev/zero,,\nalpha.py,,\nbin/absent,,\n"
    assert record_after(tmp_path / "packages", python, text).decode().splitlines() == sorted(text.splitlines())


def test_what_is_linked_to_elsewhere_is_not_written_into(tmp_path, python):
    """Packages are links to uv's cache, which all sites share."""
    script = "#!/somewhere/bin/python\nprint(1)\n"
    plant(tmp_path, {"cache/x": script, "cache/RECORD": "bin/x,,\n"})
    plant(tmp_path / "packages", {"bin/y": "", "alpha-1.dist-info/METADATA": ""})
    (tmp_path / "packages/bin/x").hardlink_to(tmp_path / "cache/x")
    (tmp_path / "packages/alpha-1.dist-info/RECORD").hardlink_to(tmp_path / "cache/RECORD")
    normalise(tmp_path / "packages", "/opt/packages", python, tmp_path / "bytecode")
    assert (tmp_path / "cache/x").read_text() == script
    assert (tmp_path / "cache/RECORD").read_text() == "bin/x,,\n"
    assert (tmp_path / "packages/bin/x").read_text().startswith("#!/usr/bin/env python3\n")


def test_a_record_that_is_no_text_stays_what_it_is(tmp_path, python):
    assert record_after(tmp_path, python, b"\xff.py,,\n") == b"\xff.py,,\n"


def test_a_record_beyond_all_measure_is_named(tmp_path, python):
    with pytest.raises(BuildError, match=r"the RECORD of alpha-1[.]dist-info cannot be read"):
        record_after(tmp_path, python, "x" * 200_000)


def test_folders_in_the_place_of_files_are_left_alone(tmp_path, python):
    names = [f"alpha-1.dist-info/{name}/x" for name in ("RECORD", "INSTALLER", "direct_url.json")]
    plant(tmp_path, dict.fromkeys([*names, ".lock/x"], "x"))
    normalise(tmp_path, "/opt/packages", python, tmp_path / "bytecode")
    assert all((tmp_path / name).exists() for name in names)


@pytest.mark.parametrize(
    ("name", "text", "asks"),
    [
        ("alpha.py", "import pkg_resources\n", True),
        ("alpha.py", "import pkgutil\nfrom os import path\nimport pkg_resources\n", True),
        ("alpha/latest/contest.py", "import pkg_resources\n", True),
        ("alpha.py", "    import pkg_resources\n", False),
        ("alpha/tests/a.py", "import pkg_resources\n", False),
        ("alpha/test_a.py", "import pkg_resources\n", False),
        ("alpha/a_test.py", "import pkg_resources\n", False),
        ("alpha/testing/a.py", "import pkg_resources\n", False),
    ],
)
def test_what_wants_setuptools_is_found_wherever_it_says_so(tmp_path, python, name, text, asks):
    plant(tmp_path, {name: text})
    assert wants_setuptools(tmp_path, python) == (name if asks else "")


def test_of_two_imports_the_second_counts_too(tmp_path, python):
    plant(tmp_path, {"alpha.py": "import pkg_resources\nimport distutils\n", "pkg_resources/__init__.py": ""})
    new = type(python)(python.path, "3.13.0", python.platform, python.prefix)
    assert wants_setuptools(tmp_path, new) == "alpha.py"
