"""Sites are asked as they are in use: a process of their own, the answers on a descriptor."""

import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "src" / "pushlive_runtime"
NONCE = "f" * 32

SETTINGS = """\
import os
SECRET_KEY = "k"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "pages"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DB", "db.sqlite3")}}
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
FIRST = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Page", [("id", models.BigAutoField(primary_key=True)), ("old", models.TextField())]),
    ]
"""
SECOND = """\
from django.db import migrations


def forward(apps, schema_editor):
    pass


class Migration(migrations.Migration):
    dependencies = [("pages", "0001_initial")]
    operations = [migrations.RunPython(forward), migrations.RemoveField("page", "old")]
"""
MIGRATIONS = {"pages/migrations/__init__.py": "", "pages/migrations/0001_initial.py": FIRST}


@pytest.fixture
def site(tmp_path):
    def make(settings="", **files):
        plain = {"manage.py": MANAGE, "settings.py": SETTINGS + settings, "urls.py": "urlpatterns = []\n"}
        for name, text in {**plain, "pages/__init__.py": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    layer = tmp_path_factory.mktemp("ask-server")
    (layer / "pushlive_runtime").symlink_to(RUNTIME)
    (layer / "run.py").symlink_to(RUNTIME / "run.py")
    return layer


class Asked:
    def __init__(self, code, answer, output):
        self.code = code
        self.output = output
        found = [line.partition(" ")[2] for line in answer.splitlines() if line.startswith(NONCE)]
        self.records = [json.loads(line) for line in found]

    def __getitem__(self, kind):
        return [record for record in self.records if record["record"] == kind][-1]

    def kinds(self):
        return [record["record"] for record in self.records]


@pytest.fixture
def ask(server):
    def run(root, *jobs, env=None, **request):
        asked = {"nonce": NONCE, "root": str(root), "manage": "manage.py", "jobs": jobs or ("settings",), **request}
        with tempfile.TemporaryFile() as answer:
            done = subprocess.run(
                [sys.executable, str(server / "run.py"), "ask"],
                input=json.dumps(asked).encode(),
                env={"PATH": "/usr/bin:/bin", "PUSHLIVE_ANSWER_FD": str(answer.fileno()), **(env or {})},
                pass_fds=[answer.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=120,
            )
            answer.seek(0)
            return Asked(done.returncode, answer.read().decode(), done.stdout.decode())

    return run


def reads(asked):
    return {read["name"]: read for read in asked["reads"]["reads"]}


def test_tells_each_read_with_its_place_and_whether_it_had_a_default(site, ask):
    settings = (
        'A = os.environ.get("A")\nB = os.getenv("B", "x")\nC = "C" in os.environ\nALLOWED_HOSTS = [os.environ["D"]]\n'
    )
    found = reads(ask(site(settings), env={"D": "d.test"}))
    assert (found["A"]["present"], found["A"]["bare"], found["A"]["where"]) == (False, True, ["settings.py:7"])
    assert (found["B"]["bare"], found["C"]["bare"]) == (False, False)
    assert (found["D"]["present"], found["D"]["flows"]) == (True, ["ALLOWED_HOSTS"])


def test_tells_nothing_that_django_or_a_library_asked_for_itself(site, ask):
    found = reads(ask(site("import webbrowser, logging.config\n"), "settings", "check"))
    assert set(found) == {"DJANGO_SETTINGS_MODULE", "DB"}


@pytest.mark.parametrize(
    ("code", "library", "bare"),
    [
        ("from decouple import config\nX = config('X', default='1')\n", "decouple", False),
        ("from environ import Env\nX = Env()('X', default='1')\n", "environ", False),
        ("import dj_database_url\nX = dj_database_url.config(env='X')\n", "dj_database_url", True),
    ],
)
def test_names_the_library_that_read_for_the_site(site, ask, code, library, bare):
    read = reads(ask(site(code)))["X"]
    assert (read["library"], read["bare"]) == (library, bare)


def test_tells_what_manage_py_and_the_settings_set_themselves(site, ask):
    written = ask(site('os.environ["OWN"] = "1"\n'))["settings"]["written"]
    assert written["DJANGO_SETTINGS_MODULE"]["where"] == "manage.py:2"
    assert written["OWN"]["where"] == "settings.py:7"


def test_tells_no_password_and_no_key(site, ask):
    settings = (
        'SECRET_KEY = "canary-key"\nDATABASES["default"]["PASSWORD"] = "canary-word"\n'
        'CACHES = {"default": {"BACKEND": "b", "LOCATION": "redis://:canary-cache@h:1/0"}}\n'
    )
    assert "canary" not in json.dumps(ask(site(settings)).records)


def test_a_drawn_key_is_told(site, ask):
    assert ask(site("import secrets\nSECRET_KEY = secrets.token_hex()\n"))["settings"]["settings"]["SECRET_KEY"][
        "drawn"
    ]
    assert not ask(site("import secrets\nOTHER = secrets.token_hex()\n"))["settings"]["settings"]["SECRET_KEY"]["drawn"]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import sys; sys.exit(3)\n", "SystemExit", "3"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt", ""),
        ("class Odd(BaseException): pass\nraise Odd('x')\n", "Odd", "x"),
        ("import os; os.chdir('/'); 1 / 0\n", "ZeroDivisionError", "division by zero"),
        ("def f(): f()\nf()\n", "RecursionError", "maximum recursion depth exceeded"),
    ],
)
def test_whatever_the_settings_raise_is_an_answer(site, ask, code, kind, message):
    asked = ask(site(code))
    assert asked["error"]["type"] == kind
    assert message in asked["error"]["message"]
    assert asked["error"]["where"].startswith("settings.py:")
    assert asked.kinds()[-1] == "end"
    assert asked.code == 1


def test_a_manage_py_that_ends_with_sys_exit_is_no_error(site, ask):
    manage = MANAGE.replace("execute_from_command_line(sys.argv)\n", "sys.exit(execute_from_command_line(sys.argv))\n")
    asked = ask(site(**{"manage.py": manage}))
    assert asked.kinds()[-1] == "end"
    assert "error" not in asked.kinds()
    assert asked.code == 0


def test_a_manage_py_that_gives_up_before_django_is_an_error(site, ask):
    asked = ask(site(**{"manage.py": MANAGE.replace("execute_from_command_line(sys.argv)", "sys.exit(2)")}))
    assert asked["error"]["type"] == "SystemExit"
    assert asked.code == 1


def test_a_process_that_ends_itself_has_said_how_far_it_came(site, ask):
    asked = ask(site("os._exit(9)\n"))
    assert asked.code == 9
    assert asked.kinds() == ["begin"]


def test_a_fork_of_the_settings_answers_nothing(site, ask):
    asked = ask(site("if os.fork() == 0:\n    pass\nelse:\n    os.wait()\n"))
    assert asked.kinds().count("end") == 1
    assert asked.kinds().count("settings") == 1


def test_the_sites_own_output_is_kept_apart(site, ask):
    noise = (
        f"print('{NONCE} {{}}')\nfor fd in range(3, 64):\n    try: os.write(fd, b'noise')\n    except OSError: pass\n"
    )
    asked = ask(site(noise))
    assert NONCE in asked.output
    assert asked["settings"]["settings"]["MODULE"] == "settings"


def test_threads_that_never_end_do_not_hold_it_up(site, ask):
    assert ask(site("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n")).code == 0


def test_manage_py_that_never_reaches_django_is_an_error(site, ask):
    asked = ask(site(**{"manage.py": "print('nothing here')\n"}))
    assert "ended without running Django's command line" in asked["error"]["message"]


def test_migrations_that_cannot_be_undone_or_lose_data_are_named(site, ask):
    root = site(**MIGRATIONS)
    before = ask(root, "migrations")["migrations"]["databases"][0]
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=root, check=True, env={})
    assert before["first"]
    assert "pages.0001_initial" in before["pending"]
    assert before["destructive"] == []
    (root / "pages/migrations/0002_second.py").write_text(SECOND)
    found = ask(root, "migrations")["migrations"]["databases"][0]
    assert found["pending"] == ["pages.0002_second"]
    assert found["irreversible"] == ["pages.0002_second: Raw Python operation"]
    assert found["destructive"] == ["pages.0002_second: Remove field old from page"]


def test_a_change_without_a_migration_is_named(site, ask):
    models = "from django.db import models\nclass Page(models.Model):\n    title = models.TextField()\n"
    root = site(**{"pages/models.py": models, "pages/migrations/__init__.py": ""})
    assert ask(root, "migrations")["migrations"]["missing"] == ["pages"]


def test_a_database_that_cannot_be_opened_is_told(site, ask):
    found = ask(site(), "migrations", env={"DB": "/absent/folder/db.sqlite3"})["migrations"]
    assert found["databases"][0]["error"] == "OperationalError: unable to open database file"


def test_takes_its_request_as_an_argument_and_answers_on_standard_output(site, server):
    request = json.dumps({"nonce": NONCE, "root": str(site()), "manage": "manage.py", "jobs": ["settings"]})
    argv = [sys.executable, str(server / "run.py"), "ask", request]
    done = subprocess.run(argv, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True)
    assert any(line.startswith(f'{NONCE} {{"record": "settings"') for line in done.stdout.splitlines())


@pytest.mark.parametrize("file", sorted(RUNTIME.glob("ask*.py")), ids=lambda file: file.name)
def test_is_written_for_python_3_9(file):
    ast.parse(file.read_text(), feature_version=(3, 9))


@pytest.mark.skipif(not Path("/root/.pyenv/versions/3.9.18/bin/python").exists(), reason="needs a Python 3.9")
def test_runs_on_python_3_9(tmp_path, server):
    (tmp_path / "web.py").write_text('import os\nNAME = os.environ.get("NAME")\napp = object()\n')
    request = {"nonce": NONCE, "root": str(tmp_path), "application": "web:app", "jobs": ["settings", "check", "static"]}
    argv = ["/root/.pyenv/versions/3.9.18/bin/python", str(server / "run.py"), "ask", json.dumps(request)]
    done = subprocess.run(argv, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True)
    assert '"name": "NAME"' in done.stdout
