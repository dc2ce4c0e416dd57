"""Sites of other kinds, and other ways to reach a site: ssh, an ASGI site with websockets, a database, two at once."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from tests.end_to_end.machine import Machine, Repository
from tests.servers.git import ssh_server, without_ssh

LOAD = Path(__file__).resolve().parents[2] / "bench" / "load.py"

ASGI = {
    "requirements.txt": "django==5.2.19\n",
    "manage.py": """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "live/__init__.py": "",
    "live/settings.py": """\
import os
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "live.urls"
ASGI_APPLICATION = "live.asgi.application"
DATABASES = {}
""",
    "live/urls.py": """\
import os
from django.http import JsonResponse
from django.urls import path
async def page(request):
    return JsonResponse({"revision": os.environ["PUSHLIVE_REVISION"][:7]})
urlpatterns = [path("", page), path("count.json", page)]
""",
    "live/asgi.py": """\
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live.settings")
from django.core.asgi import get_asgi_application
django = get_asgi_application()

async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"] + " from " + os.environ["PUSHLIVE_REVISION"][:7]})

async def application(scope, receive, send):
    await (echo(receive, send) if scope["type"] == "websocket" else django(scope, receive, send))
""",
    "pushlive.toml": '[app]\nasgi = "live.asgi:application"\n',
}


def planted(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.xdist_group("sites")
class TestSsh:
    @pytest.mark.skipif(bool(without_ssh()), reason=without_ssh() or "sshd lets us in")
    def test_a_first_push_from_a_laptop_goes_live(self, machine: Machine, tmp_path: Path) -> None:
        repository = machine.create("over-ssh")
        with ssh_server(tmp_path / "ssh") as server:
            repository.git("remote", "set-url", "live", server.url(machine.home / "sites/over-ssh/repo.git"))
            done = machine.run("git", "push", "live", "master", cwd=repository.path, **ssh_only(server.environment()))
            assert done.returncode == 0, done.stderr
            assert "remote:        live: " in done.stderr
            assert repository.serves(repository.head)
            repository.replace("counter/views.py", "import os", "imporrt os")
            repository.commit("A mistake")
            done = machine.run("git", "push", "live", "master", cwd=repository.path, **ssh_only(server.environment()))
            assert done.returncode != 0
            assert "counter/views.py:" in done.stderr


def ssh_only(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("GIT_SSH")}


@pytest.fixture(scope="module")
def asgi(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = machine.create("asgi", planted(tmp_path_factory.mktemp("asgi"), ASGI))
    repository.pushed()
    return repository


@pytest.mark.xdist_group("sites")
class TestAsgi:
    def test_pages_and_websockets_answer(self, asgi: Repository) -> None:
        assert asgi.serves(asgi.head)
        assert asyncio.run(self.echoed(asgi, "hello")) == f"hello from {asgi.head[:7]}"

    def test_a_switch_under_load_drops_no_request_and_closes_websockets_in_order(self, asgi: Repository) -> None:
        argv = [sys.executable, LOAD, asgi.url, "--rate", "40", "--seconds", "60"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            code = asyncio.run(self.code_at_switch(asgi))
            seen = json.loads(load.communicate()[0])
        assert code == 1012
        assert seen["failed"] == 0, seen["failures"]
        assert seen["requests"] > 20

    async def echoed(self, site: Repository, text: str) -> str:
        async with connect(f"ws://{urlsplit(site.url).netloc}/") as socket:
            await socket.send(text)
            return str(await socket.recv())

    async def code_at_switch(self, site: Repository) -> int:
        async with connect(f"ws://{urlsplit(site.url).netloc}/") as socket:
            await socket.send("before")
            await socket.recv()
            site.write("live/other.py", "X = 1\n")
            site.commit("Another")
            await asyncio.to_thread(site.pushed)
            await socket.wait_closed()
            assert socket.close_code is not None
            return socket.close_code


DATABASE = {
    **ASGI,
    "live/settings.py": """\
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "live.urls"
WSGI_APPLICATION = "live.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
INSTALLED_APPS = ["notes"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = BASE_DIR / "uploads"
MEDIA_URL = "/uploads/"
""",
    "live/wsgi.py": """\
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live.settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
""",
    "live/urls.py": """\
import os
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import JsonResponse
from django.urls import path
from notes.models import Note
def page(request):
    if request.GET.get("add"):
        Note.objects.create(text=request.GET["add"])
        default_storage.save("note.txt", ContentFile(request.GET["add"].encode()))
    return JsonResponse({"revision": os.environ["PUSHLIVE_REVISION"][:7], "notes": Note.objects.count(),
                         "uid": os.geteuid()})
urlpatterns = [path("", page), path("count.json", page)]
""",
    "notes/__init__.py": "",
    "notes/models.py": "from django.db import models\nclass Note(models.Model):\n    text = models.TextField()\n",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """\
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)),
                                                  ("text", models.TextField())])]
""",
    "pushlive.toml": "[run]\nmedia = true\n",
}
del DATABASE["live/asgi.py"]


@pytest.fixture(scope="module")
def notes(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = machine.create("notes", planted(tmp_path_factory.mktemp("notes"), DATABASE))
    repository.pushed()
    return repository


@pytest.mark.xdist_group("sites")
class TestDatabase:
    def test_the_database_and_uploads_outlive_a_release(self, notes: Repository) -> None:
        assert notes.get("/?add=first")[0] == 200
        notes.write("live/other.py", "X = 1\n")
        notes.commit("Another")
        done = notes.push()
        assert "no migration is pending" in done.stderr
        assert json.loads(notes.get()[1])["notes"] == 1
        assert notes.get("/uploads/note.txt") == (200, "first")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a site a user of its own")
    @pytest.mark.root
    def test_the_site_is_not_root(self, notes: Repository) -> None:
        assert json.loads(notes.get()[1])["uid"] >= 64000

    def test_a_migration_runs_before_the_switch_and_one_without_a_way_back_is_told(self, notes: Repository) -> None:
        notes.write(
            "notes/migrations/0002_done.py",
            "from django.db import migrations\n"
            "class Migration(migrations.Migration):\n"
            '    dependencies = [("notes", "0001_initial")]\n'
            "    operations = [migrations.RunPython(lambda apps, editor: print('migrating now'))]\n",
        )
        notes.commit("Migrate")
        done = notes.push()
        assert done.returncode == 0, done.stderr
        assert "migrating now" in done.stderr
        assert "no way back from migration notes.0002_done" in done.stderr

    def test_rolling_back_keeps_the_data(self, notes: Repository) -> None:
        notes.write("live/last.py", "X = 1\n")
        notes.commit("One more")
        notes.pushed()
        count = json.loads(notes.get()[1])["notes"]
        notes.machine.json("rollback", "--site", notes.name)
        assert json.loads(notes.get()[1])["notes"] == count


@pytest.mark.xdist_group("sites")
def test_up_takes_a_repository_live_without_a_site_file(machine: Machine, tmp_path: Path) -> None:
    folder = planted(machine.root / "plain", {name: text for name, text in ASGI.items() if name != "pushlive.toml"})
    for argv in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        machine.run("git", *argv, cwd=folder)
    machine.sites.append("plain")
    made = machine.json("up", cwd=folder)
    repository = Repository(machine, folder, "plain", made["url"])
    assert made["live"]
    assert repository.serves(repository.head)
    repository.write("live/other.py", "X = 1\n")
    repository.commit("Second")
    again = machine.json("up", cwd=folder)
    assert again["url"] == made["url"]
    assert repository.serves(repository.head)
    repository.git("remote", "add", "live", made["remote"])
    repository.write("live/other.py", "X = 2\n")
    repository.commit("Third")
    assert repository.push("main").returncode == 0
    assert repository.serves(repository.head)
