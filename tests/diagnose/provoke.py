# ruff: noqa: E501, T201
"""Make each failure happen for real and keep what was printed: `python -m tests.diagnose.provoke [NAME ...]`.

The tests read the kept texts; run this again when Django, uv or gunicorn speak differently. It wants uv, git, memcached,
a network for packages, and for some cases root and PostgreSQL's programs; what it can't provoke, it leaves as it was.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from .breakage import (
    CASES,
    FIRST_MIGRATION,
    OUTPUTS,
    PACKAGES,
    SCRATCH,
    SITE,
    UV,
    VENV,
    boot,
    case,
    command,
    install,
    manage,
    normal,
    package,
    page,
    settings,
    site,
    view,
)

install("requirement-missing", "django==5.2.19\nno-such-package-at-all==1.0\n")
install("requirement-version-missing", "django==99.1\n")
install("requirement-conflict", "django==5.2.19\nasgiref==3.2.0\n")
install("requirement-hash", "django==5.2.19 --hash=sha256:" + "0" * 64 + "\n", "--require-hashes", "--no-deps")
install("requirement-unhashed", "django==5.2.19\n", "--require-hashes")
install("requirement-no-wheel", "uwsgi==2.0.28\n", "--only-binary", ":all:")
install("requirement-python", "django==6.0\n")
install("requirement-syntax", "django=5.2\n")
install("requirement-include", "-r base.txt\ndjango\n")
install("requirement-git", "git+https://git.example.invalid/team/thing.git\n")
install("requirement-index-unreachable", "django\n", "--default-index", "http://127.0.0.1:9/simple")
install("build-header", "python-ldap==3.4.4\n", "--no-binary", "python-ldap")
install("build-mysql", "mysqlclient==2.2.4\n", "--no-binary", "mysqlclient")
install("build-use-2to3", "anyjson==0.3.3\n")
package("build-old-setuptools", "import pkg_resources\nfrom setuptools import setup\nsetup(name='thing')\n")
package("build-distutils", "from distutils.core import setup\nimport missing_thing\nsetup(name='thing')\n")

manage("settings-syntax", settings("ALLOWED_HOSTS = ["), "check")
manage("settings-indent", settings("if DEBUG:", "ALLOWED_HOSTS = []"), "check")
manage("settings-import", settings("import dj_database_url"), "check")
manage("settings-import-dotted", settings("from storages_missing.backends import s3"), "check")
manage("settings-key-error", settings('SECRET_KEY = os.environ["SHOP_SECRET_KEY"]'), "check")
manage("settings-decouple", settings("from decouple import config", 'STRIPE = config("STRIPE_KEY")'), "check")
manage("settings-environ", settings("import environ", 'STRIPE = environ.Env()("STRIPE_KEY")'), "check")
manage("settings-int", settings('PORT = int(os.environ.get("SHOP_PORT", "no"))'), "check")
manage("settings-none", settings('HOSTS = os.environ.get("HOSTS").split(",")'), "check")
manage("settings-module-missing", {}, "check", DJANGO_SETTINGS_MODULE="proj.production")
manage("settings-app-missing", settings('INSTALLED_APPS += ["corsheaders"]'), "check")
manage("settings-own-app-missing", settings('INSTALLED_APPS += ["shop"]'), "check")
manage("settings-file-missing", settings('KEYS = (BASE_DIR / "conf/secrets.json").read_text()'), "check")
manage("settings-engine", settings('DATABASES = {"default": {}}'), "migrate")
manage("settings-no-driver", settings('DATABASES["default"] = {"ENGINE": "django.db.backends.mysql"}'), "migrate")
manage(
    "system-check",
    {
        "blog/models.py": "from django.db import models\n\n\nclass Post(models.Model):\n    a = models.ForeignKey('shop.Customer', models.CASCADE)\n"
    },
    "migrate",
)
manage(
    "middleware-missing",
    settings('MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware"]'),
    "runserver",
    "--noreload",
    "127.0.0.1:0",
)

MIGRATED = {"blog/migrations/0001_initial.py": FIRST_MIGRATION}
NO_TITLE = """
from django.db import migrations


def fill(apps, schema_editor):
    Post = apps.get_model("blog", "Post")
    Post.objects.create(id=1, title="a")
    Post.objects.create(id=1, title="b")


class Migration(migrations.Migration):
    dependencies = [("blog", "0001_initial")]
    operations = [migrations.RunPython(fill)]
"""
TWICE = FIRST_MIGRATION.replace("dependencies = []", 'dependencies = [("blog", "0001_initial")]').replace(
    '"Post"', '"Other"'
)
TWICE_TABLE = TWICE.replace("])\n    ]", '], options={"db_table": "blog_post"})\n    ]')
GONE = FIRST_MIGRATION.replace("dependencies = []", 'dependencies = [("blog", "0007_gone")]')
POSTGRES = 'DATABASES["default"] = {{"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": {port}, "NAME": "{name}", "USER": "{user}", "PASSWORD": "canary-password"}}'
manage("migration-integrity", {**MIGRATED, "blog/migrations/0002_fill.py": NO_TITLE}, "migrate")
manage("migration-table-exists", {**MIGRATED, "blog/migrations/0002_twice.py": TWICE_TABLE}, "migrate")
manage(
    "migration-conflict",
    {**MIGRATED, "blog/migrations/0002_a.py": TWICE, "blog/migrations/0002_b.py": TWICE},
    "migrate",
)
manage("migration-parent-missing", {"blog/migrations/0001_initial.py": GONE}, "migrate")
manage("database-refused", settings(POSTGRES.format(port=9, name="shop", user="shop")), "migrate")
manage(
    "database-host-unknown",
    settings(POSTGRES.format(port=5432, name="shop", user="shop").replace("127.0.0.1", "db.invalid")),
    "migrate",
)
manage("sqlite-unable-to-open", settings('DATABASES["default"]["NAME"] = BASE_DIR / "var/db.sqlite3"'), "migrate")

page("no-such-table", view("from blog.models import Post", "return HttpResponse(Post.objects.count())"))
page(
    "settings-secret-key-empty",
    {
        **settings('SECRET_KEY = os.environ.get("NO_KEY", "")'),
        **view("from django.core.signing import dumps", "return HttpResponse(dumps(1))"),
    },
)
page("disallowed-host", {}, "other.example")
page("template-missing", view("from django.shortcuts import render", 'return render(request, "blog/index.html")'))
page("no-reverse-match", view("from django.urls import reverse", 'return HttpResponse(reverse("post-detail"))'))
page("attribute-error", view("return HttpResponse(request.usr.name)"))
page(
    "chained",
    view("try:", "    {}['a']", "except KeyError as error:", '    raise ValueError("no price for a") from error'),
)
page("group", view('raise ExceptionGroup("two things", [ValueError("one"), KeyError("two")])'))
page(
    "memcached-refused",
    {
        **settings(
            'CACHES = {"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "127.0.0.1:9"}}'
        ),
        **view("from django.core.cache import cache", 'return HttpResponse(cache.get("a"))'),
    },
)
page(
    "redis-refused",
    {
        **settings(
            'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://:canary-password@127.0.0.1:9"}}'
        ),
        **view("from django.core.cache import cache", 'return HttpResponse(cache.get("a"))'),
    },
)
page("disk-full", view('with open("/dev/full", "w") as file:', '    file.write("x" * 100000)'))
page("is-a-folder", view('open("blog", "w")'))
page(
    "async-unsafe",
    view(
        "import asyncio",
        "from blog.models import Post",
        "async def count():",
        "    return Post.objects.count()",
        "return HttpResponse(asyncio.run(count()))",
    ),
)
page(
    "static-manifest-missing",
    {
        **settings(
            'STATIC_ROOT = BASE_DIR / "out"',
            'STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}',
        ),
        **view("from django.templatetags.static import static", 'return HttpResponse(static("blog/a.css"))'),
    },
)
page("recursion", view("return index(request)"))
page("view-returns-none", view("return None"))

manage("collectstatic-no-root", {"blog/static/a.css": ""}, "collectstatic", "--noinput")
manage(
    "collectstatic-reference",
    {
        **settings(
            'STATIC_ROOT = BASE_DIR / "out"',
            'STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}',
        ),
        "blog/static/blog/a.css": "body { background: url(gone.png) }",
    },
    "collectstatic",
    "--noinput",
)

boot("boot-syntax", {"blog/models.py": "def index(request)\n    pass\n"})
boot(
    "boot-views-import",
    {"proj/wsgi.py": SITE["proj/wsgi.py"] + "import blog.views\n", "blog/views.py": "import requests_html\n"},
)
boot("boot-import-name", {"blog/models.py": "from django.utils.translation import ugettext_lazy\n"})
boot(
    "boot-circular",
    {
        "blog/models.py": "from blog.other import thing\nname = 1\n",
        "blog/other.py": "from blog.models import name\nthing = 2\n",
    },
)
boot("boot-no-attribute", {}, app="proj.wsgi:app")
boot("boot-no-module", {}, app="proj.wsgj:application")
boot("boot-key-error", settings('SECRET_KEY = os.environ["SHOP_SECRET_KEY"]'))
boot("boot-pkg-resources", {"blog/models.py": "import pkg_resources\n"})
boot("boot-collections", {"blog/models.py": "from collections import Iterator\n"})
boot("boot-shared-library", {"blog/models.py": 'import ctypes\nctypes.CDLL("libpango-9.0.so.0")\n'})
boot(
    "boot-gdal",
    settings(
        'DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.spatialite"',
        'INSTALLED_APPS += ["django.contrib.gis"]',
    ),
)
boot("boot-exit", {"blog/models.py": "import sys\nsys.exit('the licence file is missing')\n"})


@case("boot-port-taken")
def _port_taken(folder: Path) -> str:
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [f"{VENV}/bin/gunicorn", "--bind", f"127.0.0.1:{port}", "proj.wsgi:application"]
        return command(argv, site(folder, {}), timeout=8).replace(str(port), "8000")


@case("worker-killed")
def _worker_killed(folder: Path) -> str:
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    argv = [f"{VENV}/bin/gunicorn", "--bind", f"unix:{SCRATCH}/k.sock", "proj.wsgi:application"]
    return command(argv, site(folder, {"blog/models.py": text}), timeout=4)


@case("build-pg-config")
def _pg_config(folder: Path) -> str:
    programs = folder / "bin"
    programs.mkdir()
    for name in ("gcc", "x86_64-linux-gnu-gcc", "as", "ld"):
        (programs / name).symlink_to(shutil.which(name) or "/usr/bin/false")
    (folder / "requirements.txt").write_text("psycopg2==2.9.9\n")
    argv = [UV, "pip", "install", "--no-cache", "--python", f"{VENV}/bin/python", "--target", str(folder / "p")]
    options = ["--no-binary", "psycopg2", "-r", "requirements.txt"]
    return command([*argv, *options], folder, PATH=str(programs))


def _as_nobody(folder: Path, files: dict[str, str]) -> str:
    tree = site(folder, files)
    script = "import os,sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
    return command(["/usr/bin/python3", "-c", script, f"{VENV}/bin/python", "manage.py", "migrate"], tree)


@case("sqlite-readonly")
def _sqlite_readonly(folder: Path) -> str:
    tree = site(folder, MIGRATED)
    (tree / "db.sqlite3").write_bytes(b"")
    return _as_nobody(folder, MIGRATED)


@case("permission-denied")
def _permission(folder: Path) -> str:
    return _as_nobody(folder, settings('(BASE_DIR / "var").mkdir()'))


@case("read-only-file-system")
def _read_only(folder: Path) -> str:
    mounted = folder / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(mounted)], check=True)
    try:
        site(folder, settings('(BASE_DIR / "mounted/cache").mkdir()'))
        return command([f"{VENV}/bin/python", "manage.py", "check"], folder)
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def _postgres(folder: Path, name: str, user: str, auth: str) -> str:
    programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
    data = folder / "pg"
    (folder / "word").write_text("right")
    data.mkdir()
    shutil.chown(data, "postgres")
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    options = f"-p 54329 -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    subprocess.run(
        [*as_postgres, str(programs / "initdb"), "-D", str(data), "-U", "shop", "-A", auth, f"--pwfile={folder}/word"],
        stdout=-3,
        check=True,
    )
    start = [
        *as_postgres,
        str(programs / "pg_ctl"),
        "-D",
        str(data),
        "-w",
        "-o",
        options,
        "-l",
        str(data / "log"),
        "start",
    ]
    subprocess.run(start, stdout=-3, check=True)
    try:
        site(folder, settings(POSTGRES.format(port=54329, name=name, user=user)))
        return command([f"{VENV}/bin/python", "manage.py", "migrate"], folder).replace("54329", "5432")
    finally:
        subprocess.run(
            [*as_postgres, str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], stdout=-3, check=True
        )


@case("database-missing")
def _database_missing(folder: Path) -> str:
    return _postgres(folder, "nothere", "shop", "trust")


@case("database-auth")
def _database_auth(folder: Path) -> str:
    return _postgres(folder, "postgres", "shop", "scram-sha-256")


def main(names: list[str]) -> None:
    subprocess.run([UV, "venv", "-q", "--no-project", "-p", "/usr/bin/python3", str(VENV)], check=True)
    subprocess.run([UV, "pip", "install", "-q", "--python", str(VENV), *PACKAGES], check=True)
    OUTPUTS.mkdir(exist_ok=True)
    SCRATCH.chmod(0o755)
    for name in names or CASES:
        folder = SCRATCH / "sites" / name
        folder.mkdir(parents=True)
        try:
            text = normal(CASES[name](folder), folder)
        except (OSError, subprocess.CalledProcessError, StopIteration, IndexError) as error:
            print(f"{name}: not provoked: {error!r}")
            continue
        (OUTPUTS / f"{name}.txt").write_text(text)
        print(f"{name}: {text.splitlines()[-1][:120] if text.strip() else 'NOTHING'}", flush=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
