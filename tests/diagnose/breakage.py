# ruff: noqa: E501
"""What provoke.py makes its failures with: a small real site, and ways to break it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
OUTPUTS = HERE / "outputs"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
SCRATCH = Path(tempfile.mkdtemp(prefix="provoke-"))
VENV = SCRATCH / "venv"
PACKAGES = ("django==5.2.*", "gunicorn", "pymemcache", "psycopg[binary]", "python-decouple", "django-environ", "redis")

SETTINGS = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "k"
DEBUG = False
ALLOWED_HOSTS = ["shop.example"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles", "blog"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "proj.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
"""
SITE = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
""",
    "proj/__init__.py": "",
    "proj/settings.py": SETTINGS,
    "proj/urls.py": 'from django.urls import path\nfrom blog import views\nurlpatterns = [path("", views.index)]\n',
    "proj/wsgi.py": """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
application = get_wsgi_application()
""",
    "blog/__init__.py": "",
    "blog/migrations/__init__.py": "",
    "blog/models.py": "from django.db import models\n\n\nclass Post(models.Model):\n    title = models.CharField(max_length=9)\n",
    "blog/views.py": 'from django.http import HttpResponse\n\n\ndef index(request):\n    return HttpResponse("hello")\n',
}
FIRST_MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel("Post", [("id", models.BigAutoField(primary_key=True)), ("title", models.CharField(max_length=9))])
    ]
"""
Case = Callable[[Path], str]
CASES: dict[str, Case] = {}


def command(argv: list[str], folder: Path, *, timeout: float = 120, **env: str) -> str:
    """Run it and return all it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    environment = {
        **clean,
        "PATH": f"{VENV}/bin:{clean['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp",
        **env,
    }
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdout=-1,
            stderr=-2,
            timeout=timeout,
            check=False,
            errors="replace",
            text=True,
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace")
    return done.stdout


def site(folder: Path, files: dict[str, str]) -> Path:
    """Write the site with changed files; a file that is None is left out."""
    for name, text in {**SITE, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def settings(*lines: str) -> dict[str, str]:
    return {"proj/settings.py": SETTINGS + "\n".join(lines) + "\n"}


def view(*lines: str) -> dict[str, str]:
    return {
        "blog/views.py": "from django.http import HttpResponse\n\n\ndef index(request):\n    "
        + "\n    ".join(lines)
        + "\n"
    }


def manage(name: str, files: dict[str, str], *argv: str, **env: str) -> None:
    """A case: a command of manage.py fails."""
    CASES[name] = lambda folder: command([f"{VENV}/bin/python", "manage.py", *argv], site(folder, files), **env)


def boot(name: str, files: dict[str, str], *, app: str = "proj.wsgi:application", **env: str) -> None:
    """A case: gunicorn cannot start the site."""
    argv = [f"{VENV}/bin/gunicorn", "--bind", f"unix:{SCRATCH}/boot.sock", app]
    CASES[name] = lambda folder: command(argv, site(folder, files), timeout=6, **env)


ASK = """
import sys, django
from django.conf import settings
from django.test import Client
from proj.wsgi import application
answer = Client(raise_request_exception=False).get("/", headers={"host": sys.argv[1]})
"""


def page(name: str, files: dict[str, str], host: str = "shop.example", **env: str) -> None:
    """A case: what a request leaves in the log."""
    argv = [f"{VENV}/bin/python", "-c", ASK, host]
    logging = 'LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"console": {"class": "logging.StreamHandler"}}, "root": {"handlers": ["console"]}}'

    def run(folder: Path) -> str:
        tree = site(folder, files)
        with (tree / "proj/settings.py").open("a") as file:
            file.write(logging + "\n")
        return command(argv, tree, **env)

    CASES[name] = run


def install(name: str, requirements: str, *options: str, python: str = "3.11", **files: str) -> None:
    """A case: uv cannot install the requirements."""

    def run(folder: Path) -> str:
        for file, text in {"requirements.txt": requirements, **files}.items():
            (folder / file).write_text(text)
        target = ["--target", str(folder / "packages"), "--no-cache", "--python", python]
        return command([UV, "pip", "install", *target, *options, "-r", "requirements.txt"], folder, timeout=300)

    CASES[name] = run


def package(name: str, setup: str, setuptools: str = "setuptools") -> None:
    """A case: a requirement in the tree that fails to build."""
    requirements = "./thing\n"

    def run(folder: Path) -> str:
        (folder / "thing").mkdir()
        (folder / "thing/setup.py").write_text(setup)
        (folder / "thing/pyproject.toml").write_text(f'[build-system]\nrequires = ["{setuptools}"]\n')
        (folder / "requirements.txt").write_text(requirements)
        return command(
            [UV, "pip", "install", "--no-cache", "--target", str(folder / "p"), "-r", "requirements.txt"], folder
        )

    CASES[name] = run


def case(name: str) -> Callable[[Case], Case]:
    def put(function: Case) -> Case:
        CASES[name] = function
        return function

    return put


def normal(text: str, folder: Path) -> str:
    """Without what belongs to this machine: its folders, its package index, its colours."""
    packages = next((VENV / "lib").glob("python*/site-packages"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    for place, name in ((packages, "/opt/pushlive/packages"), (folder, "/app"), (VENV, "/opt/venv"), (SCRATCH, "/tmp")):
        text = text.replace(str(place), name)
    text = re.sub(r"/root/\.pyenv/versions/[\d.]+/lib|/usr/lib", "/usr/lib", text)
    text = re.sub(r"/[\w./-]*/builds-v0/\.tmp\w+", "/tmp/build", text)
    text = re.sub(r"/[\w./-]*/sdists-v\d+/[\w./-]*?/src/", "/tmp/build/", text)
    text = re.sub(r"https://[\w.-]+(:\d+)?/(?:[\w/-]*/)?(simple|packages)/", r"https://pypi.org/\2/", text)
    return text.rstrip() + "\n"
