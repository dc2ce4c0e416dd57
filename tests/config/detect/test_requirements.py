import pytest

from pushlive.config.site import RequirementsKind
from pushlive.model.errors import SettingsError
from tests.config.sites import django, origin

PYPROJECT = '[project]\nname = "shop"\ndependencies = ["django>=5"]\n'


@pytest.mark.parametrize(
    ("files", "kind", "paths"),
    [
        ({}, "none", ()),
        ({"requirements.txt": "django"}, "requirements.txt", ("requirements.txt",)),
        ({"requirements/base.txt": "", "requirements/prod.txt": ""}, "requirements.txt", ("requirements/prod.txt",)),
        (
            {"requirements/dev.txt": "", "requirements/production.txt": ""},
            "requirements.txt",
            ("requirements/production.txt",),
        ),
        (
            {"requirements.txt": "", "uv.lock": "", "pyproject.toml": PYPROJECT},
            "uv.lock",
            ("uv.lock", "pyproject.toml"),
        ),
        ({"poetry.lock": "", "pyproject.toml": PYPROJECT}, "poetry.lock", ("poetry.lock", "pyproject.toml")),
        ({"Pipfile.lock": "{}", "Pipfile": ""}, "Pipfile.lock", ("Pipfile.lock", "Pipfile")),
        ({"pyproject.toml": PYPROJECT}, "pyproject.toml", ("pyproject.toml",)),
        ({"pyproject.toml": "[tool.black]\nline-length = 99\n"}, "none", ()),
        ({"pyproject.toml": "not toml", "requirements.txt": ""}, "requirements.txt", ("requirements.txt",)),
    ],
)
def test_finds_what_to_install(site, files, kind, paths):
    found = site(django() | files).requirements
    assert (found.kind, found.files) == (RequirementsKind(kind), paths)


def test_what_stands_beside_manage_py_counts_before_what_stands_above(site):
    files = django("web") | {"requirements.txt": "", "web/requirements.txt": ""}
    assert site(files).requirements.files == ("web/requirements.txt",)


def test_what_stands_above_manage_py_is_found(site):
    assert site(django("web") | {"requirements.txt": ""}).requirements.files == ("requirements.txt",)


def test_the_files_that_a_requirements_file_refers_to_are_listed(site):
    top = "-r requirements/base.txt\n--requirement=more.txt\n-r https://example.com/x.txt\n-r gone.txt\n"
    files = {
        "requirements.txt": top,
        "requirements/base.txt": "-c ../constraints.txt\n-r ../requirements.txt\n",
        "constraints.txt": "",
        "more.txt": "",
    }
    found = site(django() | files).requirements
    assert found.includes == ("requirements/base.txt", "more.txt", "constraints.txt")


def test_the_file_that_a_dockerfile_installs_wins(site):
    dockerfile = "FROM python:3.12\nARG F=requirements/aws.txt\nCOPY . /code\nRUN pip install \\\n  -r /code/${F}\n"
    files = {"requirements.txt": "", "requirements/aws.txt": "", "Dockerfile": dockerfile}
    found = site(django() | files)
    assert found.requirements.files == ("requirements/aws.txt",)
    assert origin(found, "build.requirements") == "Dockerfile:4"


FILES = {"requirements.txt": "", "requirements-gunicorn.txt": "", "base.txt": "", "prod.txt": "", "dev.txt": ""}


@pytest.mark.parametrize(
    ("dockerfile", "paths"),
    [
        (
            "FROM python\nRUN pip install -r requirements.txt\nRUN pip install -r requirements-gunicorn.txt\n",
            ("requirements.txt", "requirements-gunicorn.txt"),
        ),
        ("FROM python\nRUN pip install -r base.txt -r prod.txt\n", ("base.txt", "prod.txt")),
        ("FROM python\nRUN pip install -rbase.txt && pip install --requirement=prod.txt\n", ("base.txt", "prod.txt")),
        ("FROM python\nRUN pip install -r base.txt -r dev.txt -r prod.txt -r base.txt\n", ("base.txt", "prod.txt")),
        ("FROM a AS b\nRUN pip install -r base.txt\nFROM python\nRUN pip install -r prod.txt\n", ("prod.txt",)),
        ("FROM a AS b\nRUN pip install -r base.txt\nFROM python\nCOPY --from=b /venv /venv\n", ("base.txt",)),
        ("FROM python\nRUN pip install -r pyproject.toml\n", ("requirements.txt",)),
        ("FROM python\nRUN pip install -r gone.txt\n", ("requirements.txt",)),
    ],
)
def test_a_dockerfile_may_install_several_files(site, dockerfile, paths):
    files = FILES | {"Dockerfile": dockerfile, "pyproject.toml": "[tool.x]\n"}
    assert site(django() | files).requirements.files == paths


@pytest.mark.parametrize(("files", "said"), [({}, True), ({"requirements.txt": ""}, False), ({"uv.lock": ""}, False)])
def test_a_lock_of_pdm_that_nothing_stands_in_for_is_said_not_to_be_read(site, files, said):
    found = site(django() | {"pyproject.toml": PYPROJECT, "pdm.lock": ""} | files)
    remedies = [fact.value for fact in found.facts if fact.origin == "pdm.lock"]
    assert any("pdm export --prod -o requirements.txt" in remedy for remedy in remedies) is said


def test_a_file_beside_its_dockerfile_counts_before_one_at_the_top(site):
    files = {"web/Dockerfile": "FROM python\nRUN pip install -r /app/base.txt\n", "web/base.txt": ""}
    assert site(django("web") | FILES | files).requirements.files == ("web/base.txt",)


def test_a_folder_may_be_called_anything(site):
    files = django("we:b") | {"we:b/Dockerfile": "FROM python\nRUN pip install -r prod.txt\n", "we:b/prod.txt": ""}
    assert site(files).requirements.files == ("we:b/prod.txt",)


def test_files_of_two_hosts_are_not_mixed(site):
    files = {"render.yaml": "buildCommand: pip install -r prod.txt\n", "build.sh": "pip install -r base.txt\n"}
    assert site(django() | FILES | files).requirements.files == ("prod.txt",)


def test_groups_for_production_are_named(site):
    text = PYPROJECT + '[dependency-groups]\nprod = ["gunicorn"]\ndev = ["pytest"]\n'
    assert site(django() | {"pyproject.toml": text, "uv.lock": ""}).requirements.groups == ("prod",)


@pytest.mark.parametrize(
    ("named", "kind", "paths"),
    [
        ('["deploy/a.txt", "./b.txt"]', "requirements.txt", ("deploy/a.txt", "b.txt")),
        ('["uv.lock"]', "uv.lock", ("uv.lock", "pyproject.toml")),
        ('["pyproject.toml"]', "pyproject.toml", ("pyproject.toml",)),
        ("[]", "none", ()),
    ],
)
def test_the_site_file_always_wins(site, named, kind, paths):
    files = {"deploy/a.txt": "", "b.txt": "", "uv.lock": "", "pyproject.toml": PYPROJECT, "requirements.txt": ""}
    found = site(django() | files | {"pushlive.toml": f"[build]\nrequirements = {named}\n"})
    assert (found.requirements.kind, found.requirements.files) == (RequirementsKind(kind), paths)
    assert found.requirements.origin == "pushlive.toml"


def test_a_file_that_is_named_and_is_not_there_is_an_error(site):
    with pytest.raises(SettingsError, match=r"build\.requirements: there is no file gone\.txt"):
        site(django() | {"pushlive.toml": '[build]\nrequirements = ["gone.txt"]\n'})
