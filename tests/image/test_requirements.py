import json
import textwrap

import pytest

from pushlive.config.site import RequirementsKind
from pushlive.image.dependencies import _export, markers
from pushlive.image.lines import logical_lines
from pushlive.image.plan import Lock, Plan, vetted
from pushlive.image.requirements import key_material, plan_of
from pushlive.model.errors import BuildError
from tests.image.trees import plant

SHA = "sha256:" + "0" * 64


def requirements(tmp_path, text, **more):
    plant(tmp_path, {"requirements.txt": text, **more})
    return plan_of(Lock(tmp_path, RequirementsKind.REQUIREMENTS, ("requirements.txt",)))


def test_lines_are_joined_and_comments_dropped():
    text = "\ufeffdjango==5.2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2  # why\r\n\n# all\nx @ https://h/#frag\n"
    assert list(logical_lines(text)) == ["django==5.2 --hash=sha256:1 --hash=sha256:2", "x @ https://h/#frag"]


def test_options_of_pip_that_uv_refuses_are_left_out_with_a_note(tmp_path):
    plan = requirements(tmp_path, "psycopg2==2.9 --no-binary psycopg2\n--trusted-host x\nsix --global-option=y\n")
    assert plan.lines == ("psycopg2==2.9", "six")
    assert plan.notes == (
        "requirements.txt: --no-binary psycopg2 is not followed: a wheel is taken where there is one",
        "requirements.txt: --global-option=y is not followed: uv does without",
    )


def test_releases_to_come_are_another_key(tmp_path):
    lock = Lock(tmp_path, RequirementsKind.REQUIREMENTS, ("requirements.txt",))
    plant(tmp_path, {"requirements.txt": "six\n"})
    before = key_material(lock)
    plant(tmp_path, {"requirements.txt": "--pre\nsix\n"})
    assert key_material(lock) != before


def test_servers_that_are_never_started_are_left_out(tmp_path):
    plan = requirements(tmp_path, "uWSGI==2.0.24\nmod_wsgi\ndjango\n")
    assert plan.lines == ("django",)
    assert "served" in plan.notes[0] or "serves" in plan.notes[0]


@pytest.mark.parametrize(
    "url",
    ["https://pypi.douban.com/simple", "http://mirrors.aliyun.com/pypi/simple/", "https://pypi.python.org/simple"],
)
def test_copies_of_pypi_give_way_to_pypi(tmp_path, url):
    plan = requirements(tmp_path, f"-i {url}\nsix\n")
    assert plan.options == ()
    assert plan.notes


@pytest.mark.parametrize("form", ["-i {}", "-i{}", "--index-url {}", "--index-url={}"])
def test_an_index_of_ones_own_stays(tmp_path, form):
    url = "https://pypi.example.com/simple"
    assert requirements(tmp_path, form.format(url)).options == (f"--index-url {url}",)


def test_a_host_that_only_looks_like_a_copy_of_pypi_stays_what_it_is(tmp_path):
    url = "https://pypi.org.evil.example/simple"
    assert requirements(tmp_path, f"-i {url}").options == (f"--index-url {url}",)


def test_the_sites_own_package_is_left_out_and_others_in_the_tree_stay(tmp_path):
    plan = requirements(
        tmp_path, "-e .\n-e ./libs/a\n./libs/b-1.whl ; python_version > '3'\n", **{"libs/a/x": "", "libs/b-1.whl": ""}
    )
    assert plan.lines == ("{tree}/libs/a", "{tree}/libs/b-1.whl; python_version > '3'")
    assert plan.local == ("libs/a", "libs/b-1.whl")


def test_extras_of_a_package_in_the_tree_stay(tmp_path):
    plan = requirements(tmp_path, "./libs/a[redis,mail] ; os_name == 'posix'\n-e ./libs/b[x]\n")
    assert plan.lines == ("{tree}/libs/a[redis,mail]; os_name == 'posix'", "{tree}/libs/b[x]")
    assert plan.local == ("libs/a", "libs/b")


OWN = """
[project]
name = "my.shop"
dependencies = ["django>=5"]
[project.optional-dependencies]
Redis_ = ["redis"]
all = ["my-shop[redis-,mail]", "sentry-sdk"]
mail = ["my-shop[all]", "anymail"]
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("-e .", ("django>=5",)),
        (".", ("django>=5",)),
        ("-e file:.", ("django>=5",)),
        ("-e .[redis_]", ("django>=5", "redis")),
        ("-e ./[all]", ("django>=5", "redis", "anymail", "sentry-sdk")),
        ("-e .\n-e .[mail]", ("django>=5", "redis", "sentry-sdk", "anymail")),
    ],
)
def test_what_the_site_itself_needs_is_installed_in_its_place(tmp_path, line, lines):
    plan = requirements(tmp_path, f"{line}\n", **{"pyproject.toml": OWN})
    assert plan.lines == lines
    assert "is left out: the site's own code is in the image already" in plan.notes[0]


@pytest.mark.parametrize("line", ["-e .", "-e .."])
def test_the_site_itself_may_be_named_from_a_folder(tmp_path, line):
    plant(tmp_path, {"req/prod.txt": line, "pyproject.toml": OWN})
    plan = plan_of(Lock(tmp_path, RequirementsKind.REQUIREMENTS, ("req/prod.txt",)))
    assert plan.lines == ("django>=5",)


def test_a_project_that_names_itself_is_read_once(tmp_path):
    text = '[project]\nname = "shop"\ndependencies = [".", "django"]\n'
    assert requirements(tmp_path, "-e .", **{"pyproject.toml": text}).lines == ("django",)


def test_a_project_that_does_not_say_what_it_needs_is_told(tmp_path):
    plan = requirements(tmp_path, "-e .\n", **{"setup.py": ""})
    assert plan.lines == ()
    assert "looked for in the [project] of a pyproject.toml alone" in plan.notes[0]


def test_a_file_is_never_taken_for_another_of_its_name(tmp_path):
    plant(tmp_path, {"app/requirements.txt": "-r ../requirements.txt\nsix\n", "requirements.txt": "seven\n"})
    plan = plan_of(Lock(tmp_path, RequirementsKind.REQUIREMENTS, ("app/requirements.txt",)))
    assert plan.lines == ("seven", "six")


def test_git_addresses_stay_and_eggs_become_names(tmp_path):
    text = "-e git+https://h/x.git@v1#egg=x\ngit+https://h/y.git\nz @ git+ssh://git@h/z\n"
    plan = requirements(tmp_path, f"{text}-e git+https://h/w#egg=w&subdirectory=py\n")
    assert plan.lines == (
        "x @ git+https://h/x.git@v1",
        "git+https://h/y.git",
        "z @ git+ssh://git@h/z",
        "w @ git+https://h/w#subdirectory=py",
    )


@pytest.mark.parametrize(
    "line",
    [
        "-r ../outside.txt",
        "-c /etc/passwd",
        "-r link.txt",
        "x @ file:///etc/passwd",
        "../x.whl",
        "--find-links /root",
        "-e /opt",
    ],
)
def test_nothing_outside_of_the_repository_is_read(tmp_path, line):
    plant(tmp_path, {"outside.txt": "", "tree/link.txt": "->../outside.txt"})
    with pytest.raises(BuildError, match="outside of the repository"):
        requirements(tmp_path / "tree", line)


def test_our_environment_is_not_put_into_addresses(tmp_path):
    with pytest.raises(BuildError, match="wants an environment variable"):
        requirements(tmp_path, "--extra-index-url https://evil.example/${UV_INDEX_PASSWORD}/simple")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(("alpha==1\n--no-binary beta",)),
        Plan(("alpha==1 --no-binary beta",)),
        Plan((f"alpha==1 --hash={SHA} --no-binary beta",)),
        Plan((f"alpha==1 --hash={SHA}\u2003-r /etc/passwd",)),
        Plan(("alpha==1 \\",)),
        Plan(("--no-binary==beta",)),
        Plan(("alpha",), constraints=("-r /etc/passwd",)),
        Plan(("alpha",), options=("--no-index --no-binary alpha",)),
        Plan(("alpha",), options=("--extra-index-url https://h/simple --no-binary alpha",)),
        Plan(("alpha",), options=("--no-binary alpha",)),
        Plan(("alpha @ https://h/${UV_INDEX_PASSWORD}/a.whl",)),
        Plan(("alpha",), options=("--index-url https://${TOKEN}@h/simple",)),
    ],
)
def test_a_line_that_says_more_to_uv_than_one_thing_is_refused(plan):
    with pytest.raises(BuildError, match=r"is not a requirement|wants an environment variable"):
        vetted(plan)


@pytest.mark.parametrize(
    "plan",
    [
        Plan((f"alpha[x]==1 ; python_version > '3' --hash={SHA} --hash={SHA}", "b @ git+ssh://git@h/b@v1#egg=b")),
        Plan(("{tree}/libs/a; sys_platform == 'linux'",), options=("--no-index", "--find-links {tree}/wheels")),
    ],
)
def test_a_line_that_says_one_thing_is_left_as_it_is(plan):
    assert vetted(plan) is plan


def test_files_that_include_each_other_are_read_once(tmp_path):
    plan = requirements(tmp_path, "-r b.txt\nsix\n", **{"b.txt": "-r requirements.txt\nseven\n"})
    assert plan.lines == ("seven", "six")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"req/absent.txt is named .* the repository has none"):
        requirements(tmp_path, "-r req/absent.txt")


def test_pipfile_lock(tmp_path):
    document = {
        "_meta": {"sources": [{"url": "https://pypi.org/simple"}, {"url": "https://own.example/simple"}]},
        "default": {
            "django": {
                "version": "==5.2",
                "hashes": [SHA],
                "markers": "python_version >= '3.10'",
                "extras": ["argon2"],
            },
            "tool": {"git": "https://h/tool.git", "ref": "abc"},
            "uwsgi": {"version": "==2.0"},
        },
        "develop": {"pytest": {"version": "==8"}},
    }
    plant(tmp_path, {"Pipfile.lock": json.dumps(document)})
    plan = plan_of(Lock(tmp_path, RequirementsKind.PIPFILE_LOCK, ("Pipfile.lock", "Pipfile")))
    assert plan.lines == (
        f"django[argon2]==5.2 ; python_version >= '3.10' --hash={SHA}",
        "tool @ git+https://h/tool.git@abc",
    )
    assert plan.options == ("--extra-index-url https://own.example/simple",)
    assert plan.complete


def pipfile(tmp_path, **packages):
    plant(tmp_path, {"Pipfile.lock": json.dumps({"default": packages})})
    return plan_of(Lock(tmp_path, RequirementsKind.PIPFILE_LOCK, ("Pipfile.lock", "Pipfile")))


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"git": "https://h/x.git", "ref": "abc", "subdirectory": "py"}, "x @ git+https://h/x.git@abc#subdirectory=py"),
        ({"file": "https://h/x-1.whl"}, "x @ https://h/x-1.whl"),
        ({"path": "https://h/x-1.whl", "markers": "os_name == 'nt'"}, "x @ https://h/x-1.whl ; os_name == 'nt'"),
    ],
)
def test_pipfile_lock_takes_packages_from_where_it_says(tmp_path, entry, line):
    assert pipfile(tmp_path, x=entry).lines == (line,)


@pytest.mark.parametrize("entry", [{"path": "./libs/x"}, {"path": "libs/x", "editable": True}, {"file": "x-1.whl"}])
def test_a_path_in_pipfile_lock_is_never_a_name_for_the_index(tmp_path, entry):
    with pytest.raises(BuildError, match=r"Pipfile.lock takes x from the path"):
        pipfile(tmp_path, x=entry)


def test_the_project_itself_in_pipfile_lock_is_left_out(tmp_path):
    plan = pipfile(tmp_path, shop={"path": ".", "editable": True}, django={"version": "==5.2"})
    assert plan.lines == ("django==5.2",)
    assert plan.notes == ("Pipfile.lock: shop is left out: the site's own code is in the image already",)


def test_indexes_of_pipfile_lock_all_stay_when_pypi_is_none_of_them(tmp_path):
    sources = [{"url": "https://one.example/simple"}, {"url": "https://two.example/simple"}]
    plant(tmp_path, {"Pipfile.lock": json.dumps({"_meta": {"sources": sources}})})
    plan = plan_of(Lock(tmp_path, RequirementsKind.PIPFILE_LOCK, ("Pipfile.lock", "Pipfile")))
    assert plan.options == ("--index-url https://one.example/simple", "--extra-index-url https://two.example/simple")


POETRY_2 = """
[[package]]
name = "django"
version = "5.2"
optional = false
groups = ["main"]
files = [{file = "d.whl", hash = "SHA"}]
[[package]]
name = "colorama"
version = "0.4"
optional = false
groups = ["main", "dev"]
markers = {main = "sys_platform == 'win32'", dev = "sys_platform == 'win32'"}
files = [{file = "c.whl", hash = "SHA"}]
[[package]]
name = "pytest"
version = "8"
optional = false
groups = ["dev"]
files = []
""".replace("SHA", SHA)

POETRY_1 = """
[[package]]
name = "django"
version = "5.2"
optional = false
files = [{file = "d.whl", hash = "SHA"}]
[package.dependencies]
sqlparse = ">=0.3"
tzdata = {version = "*", markers = "sys_platform == 'win32'"}
[[package]]
name = "sqlparse"
version = "0.5"
optional = false
files = [{file = "s.whl", hash = "SHA"}]
[[package]]
name = "tzdata"
version = "2025"
optional = false
files = []
[[package]]
name = "pytest"
version = "8"
optional = false
files = []
""".replace("SHA", SHA)


@pytest.mark.parametrize(
    ("lock", "names"),
    [(POETRY_2, ["django==5.2"]), (POETRY_1, ["django==5.2", "sqlparse==0.5"])],
    ids=["Poetry 2 names groups", "Poetry 1 leaves them to be found out"],
)
def test_poetry_lock(tmp_path, python, lock, names):
    pyproject = '[tool.poetry.dependencies]\npython = "^3.11"\nDjango = "^5"\n'
    plant(tmp_path, {"poetry.lock": lock, "pyproject.toml": pyproject})
    plan = plan_of(Lock(tmp_path, RequirementsKind.POETRY_LOCK, ("poetry.lock", "pyproject.toml")), markers(python))
    assert [line.partition(" ")[0] for line in plan.lines] == names
    assert plan.complete


def poetry_package(source):
    package = '[[package]]\nname = "x"\nversion = "1"\noptional = false\ngroups = ["main"]\nfiles = []\n'
    return f"{package}[package.source]\n{source}\n"


@pytest.mark.parametrize(
    ("source", "line", "options"),
    [
        (
            'type = "git"\nurl = "https://h/x.git"\nresolved_reference = "abc"\nsubdirectory = "py"',
            "x @ git+https://h/x.git@abc#subdirectory=py",
            (),
        ),
        (
            'type = "legacy"\nurl = "https://own.example/simple"\nreference = "own"',
            "x==1",
            ("--extra-index-url https://own.example/simple",),
        ),
    ],
)
def test_poetry_lock_takes_packages_from_where_it_says(tmp_path, source, line, options):
    plant(tmp_path, {"poetry.lock": poetry_package(source)})
    plan = plan_of(Lock(tmp_path, RequirementsKind.POETRY_LOCK, ("poetry.lock",)))
    assert (plan.lines, plan.options) == ((line,), options)


def test_an_old_poetry_lock_follows_names_however_they_are_spelled(tmp_path):
    lock = POETRY_1.replace('"sqlparse"', '"Sql--Parse"').replace("sqlparse =", "sql_parse =")
    plant(tmp_path, {"poetry.lock": lock, "pyproject.toml": '[tool.poetry.dependencies]\ndjango = "^5"\n'})
    plan = plan_of(Lock(tmp_path, RequirementsKind.POETRY_LOCK, ("poetry.lock", "pyproject.toml")))
    assert [line.partition("=")[0] for line in plan.lines] == ["django", "Sql--Parse"]


def test_poetry_without_a_lock_says_what_to_run(tmp_path):
    plant(tmp_path, {"pyproject.toml": '[tool.poetry.dependencies]\ndjango = "^5"\n'})
    with pytest.raises(BuildError) as caught:
        plan_of(Lock(tmp_path, RequirementsKind.PYPROJECT, ("pyproject.toml",)))
    assert "poetry lock" in caught.value.remedy


PYPROJECT = textwrap.dedent("""
    [project]
    name = "site"
    version = "1"
    dependencies = ["django>=5"]
    [dependency-groups]
    base = ["redis"]
    prod = ["gunicorn", {include-group = "base"}]
    dev = ["pytest"]
""")


def test_pyproject_alone_with_a_group(tmp_path):
    plant(tmp_path, {"pyproject.toml": PYPROJECT})
    plan = plan_of(Lock(tmp_path, RequirementsKind.PYPROJECT, ("pyproject.toml",), ("prod",)))
    assert plan.lines == ("django>=5", "gunicorn", "redis")
    assert not plan.complete


@pytest.mark.parametrize("source", ['path = "libs/mylib"', "workspace = true", 'git = "https://h/x"', 'index = "own"'])
def test_a_package_with_a_source_of_its_own_is_never_taken_from_the_index(tmp_path, source):
    text = f'[project]\ndependencies = ["my_lib>=1"]\n[tool.uv.sources]\nMy-Lib = {{ {source} }}\n'
    plant(tmp_path, {"pyproject.toml": text})
    with pytest.raises(BuildError, match="my-lib from a source of its own") as caught:
        plan_of(Lock(tmp_path, RequirementsKind.PYPROJECT, ("pyproject.toml",)))
    assert "uv lock" in caught.value.remedy


def test_indexes_of_pyproject_come_along(tmp_path):
    text = """
        [project]
        dependencies = ["django"]
        [tool.uv]
        extra-index-url = ["https://old.example/simple"]
        find-links = ["./wheels"]
        [[tool.uv.index]]
        url = "https://own.example/simple"
        default = true
        [[tool.uv.index]]
        url = "https://more.example/simple"
        [[tool.uv.index]]
        url = "https://torch.example/simple"
        explicit = true
    """
    plant(tmp_path, {"pyproject.toml": textwrap.dedent(text)})
    plan = plan_of(Lock(tmp_path, RequirementsKind.PYPROJECT, ("pyproject.toml",)))
    assert plan.options == (
        "--index-url https://own.example/simple",
        "--extra-index-url https://more.example/simple",
        "--extra-index-url https://old.example/simple",
        "--find-links {tree}/wheels",
    )


def test_a_new_version_of_the_site_itself_installs_nothing_anew(tmp_path):
    lock = Lock(tmp_path, RequirementsKind.PYPROJECT, ("pyproject.toml",))
    plant(tmp_path, {"pyproject.toml": PYPROJECT})
    before = key_material(lock)
    plant(tmp_path, {"pyproject.toml": PYPROJECT.replace('"1"', '"2"') + "[tool.ruff]\nline-length = 100\n"})
    assert key_material(lock) == before
    plant(tmp_path, {"pyproject.toml": PYPROJECT.replace(">=5", ">=6")})
    assert key_material(lock) != before


def test_a_changed_package_in_the_tree_is_another_key(tmp_path):
    lock = Lock(tmp_path, RequirementsKind.REQUIREMENTS, ("requirements.txt",))
    plant(tmp_path, {"requirements.txt": "./lib", "lib/a.py": "1"})
    before = key_material(lock)
    plant(tmp_path, {"lib/a.py": "2"})
    assert key_material(lock) != before


def test_uv_lock_is_read_by_uv_without_a_network(tmp_path, place, python):
    text = f"""
        version = 1
        revision = 3
        requires-python = ">=3.9"

        [[package]]
        name = "alpha"
        version = "1.0"
        source = {{ registry = "https://pypi.org/simple" }}
        sdist = {{ url = "https://h/alpha-1.0.tar.gz", hash = "{SHA}", size = 1 }}

        [[package]]
        name = "pytest"
        version = "8.0"
        source = {{ registry = "https://pypi.org/simple" }}
        sdist = {{ url = "https://h/pytest-8.0.tar.gz", hash = "{SHA}", size = 1 }}

        [[package]]
        name = "site"
        version = "1"
        source = {{ virtual = "." }}
        dependencies = [{{ name = "alpha" }}]

        [package.dev-dependencies]
        dev = [{{ name = "pytest" }}]

        [package.metadata]
        requires-dist = [{{ name = "alpha" }}]

        [package.metadata.requires-dev]
        dev = [{{ name = "pytest" }}]
    """
    pyproject = '[project]\nname="site"\nversion="1"\nrequires-python=">=3.9"\ndependencies=["alpha"]\n'
    pyproject += '[dependency-groups]\ndev=["pytest"]\n'
    plant(tmp_path, {"uv.lock": textwrap.dedent(text), "pyproject.toml": pyproject})
    plan = _export(Lock(tmp_path, RequirementsKind.UV_LOCK, ("uv.lock", "pyproject.toml")), python, place)
    assert plan.lines == (f"alpha==1.0 --hash={SHA}",)
    assert plan.complete


UV_PACKAGE = """
    version = 1
    revision = 3
    requires-python = ">=3.9"

    [[package]]
    name = "alpha"
    version = "1.0"
    source = {{ {source} }}
    {more}

    [[package]]
    name = "site"
    version = "1"
    source = {{ virtual = "." }}
    dependencies = [{{ name = "alpha" }}]

    [package.metadata]
    requires-dist = [{{ name = "alpha" }}]
"""


def uv_lock(tmp_path, source, more=""):
    text = textwrap.dedent(UV_PACKAGE).format(source=source, more=more)
    pyproject = '[project]\nname="site"\nversion="1"\nrequires-python=">=3.9"\ndependencies=["alpha"]\n'
    plant(tmp_path, {"app/uv.lock": text, "app/pyproject.toml": pyproject})
    return Lock(tmp_path, RequirementsKind.UV_LOCK, ("app/uv.lock", "app/pyproject.toml"))


@pytest.mark.parametrize("kind", ["directory", "editable"])
def test_a_package_in_the_tree_is_in_uv_lock_s_plan(tmp_path, place, python, kind):
    lock = uv_lock(tmp_path, f'{kind} = "libs/alpha"')
    plant(tmp_path, {"app/libs/alpha/pyproject.toml": '[project]\nname = "alpha"\nversion = "1.0"\n'})
    plan = _export(lock, python, place)
    assert (plan.lines, plan.local) == (("{tree}/app/libs/alpha",), ("app/libs/alpha",))
    before = key_material(lock)
    plant(tmp_path, {"app/libs/alpha/a.py": "1"})
    assert key_material(lock) != before


def test_a_path_in_uv_lock_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BuildError, match="name alpha, and the repository has no such path"):
        key_material(uv_lock(tmp_path, 'directory = "libs/alpha"'))


def test_a_path_in_uv_lock_outside_of_the_repository_is_not_read(tmp_path):
    with pytest.raises(BuildError, match="outside of the repository"):
        key_material(uv_lock(tmp_path, 'directory = "../../alpha"'))


def test_uv_lock_s_own_indexes_come_along(tmp_path, place, python):
    wheel = f'wheels = [{{ url = "https://own.example/alpha-1.0-py3-none-any.whl", hash = "{SHA}", size = 1 }}]'
    plan = _export(uv_lock(tmp_path, 'registry = "https://own.example/simple"', wheel), python, place)
    assert plan.options == ("--extra-index-url https://own.example/simple",)


DEEP = "[" * 20000


def _read(lock):
    """As an installation does."""
    key_material(lock)
    plan_of(lock)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("Pipfile.lock", "Pipfile.lock", '<<<<<<< HEAD\n{"default": {}}\n'),
        ("Pipfile.lock", "Pipfile.lock", '{"default": []}'),
        ("Pipfile.lock", "Pipfile.lock", DEEP),
        ("poetry.lock", "poetry.lock", "<<<<<<< HEAD\n"),
        ("poetry.lock", "poetry.lock", "package = 1"),
        ("poetry.lock", "poetry.lock", '[[package]]\nname = "x"\nversion = "1"\ngroups = ["main"]\nmarkers = "("'),
        ("pyproject.toml", "pyproject.toml", "a = " + "9" * 5000),
        ("pyproject.toml", "pyproject.toml", f"a = {DEEP}"),
        ("pyproject.toml", "pyproject.toml", "project = 1"),
        ("pyproject.toml", "pyproject.toml", '[project]\ndependencies = "django"'),
        ("pyproject.toml", "pyproject.toml", "[dependency-groups]\nprod = [1]"),
        ("pyproject.toml", "pyproject.toml", "[[tool.uv.index]]\nname = 'x'"),
    ],
)
def test_a_lock_that_cannot_be_read_is_named(tmp_path, kind, name, text):
    plant(tmp_path, {name: text})
    with pytest.raises(BuildError, match=f"{name} cannot be read") as caught:
        _read(Lock(tmp_path, RequirementsKind(kind), (name,), ("prod",)))
    assert caught.value.remedy
