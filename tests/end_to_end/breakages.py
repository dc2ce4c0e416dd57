"""Ways to break a site, and what its developer is to be told then."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.end_to_end.machine import Repository

Break = Callable[[Repository], object]

VIEWS = "counter/views.py"
SETTINGS = "proj/settings.py"
STYLES = "counter/static/counter/page.css"


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """`breaks` changes a clone; `cause`, `where`, `evidence` and `remedy` are patterns of what is printed."""

    name: str
    breaks: Break
    code: str
    cause: str
    remedy: str
    where: str = ""
    evidence: str = ""


def writes(name: str, text: str) -> Break:
    return lambda site: site.write(name, text)


def adds(name: str, text: str) -> Break:
    return lambda site: site.write(name, (site.path / name).read_text() + text)


def replaces(name: str, old: str, new: str) -> Break:
    return lambda site: site.replace(name, old, new)


def several(*breaks: Break) -> Break:
    return lambda site: [each(site) for each in breaks]


def links(name: str, target: str) -> Break:
    return lambda site: (site.path / name).symlink_to(target)


def copies(source: str, target: str) -> Break:
    return lambda site: site.write(target, (site.path / source).read_text())


def wears_out_after(requests: int) -> Break:
    """Each replica serves that many pages: one is asked for in private, and four more once they are public."""
    return replaces(
        VIEWS,
        "@require_safe\n@never_cache\ndef page(request: HttpRequest) -> HttpResponse:\n"
        '    """Count the visit and show the number."""\n',
        "SERVED = 0\n\n\ndef page(request):\n    global SERVED\n    SERVED += 1\n"
        f"    if SERVED > {requests}:\n        raise RuntimeError('worn out')\n",
    )


COUNTER = (
    Breakage(
        name="a requirement that does not exist",
        breaks=writes("requirements.txt", "django==5.2.19\npymemcache==4.0.0\npushlive-has-no-such-package==1.0\n"),
        code="requirement-missing",
        cause="pushlive-has-no-such-package",
        remedy="requirements.txt",
    ),
    Breakage(
        name="a version that does not exist",
        breaks=writes("requirements.txt", "django==5.2.9999\npymemcache==4.0.0\n"),
        code="requirement-version",
        cause="5.2.9999 of django",
        remedy="version of django in requirements.txt",
    ),
    Breakage(
        name="no wheel for the platform",
        breaks=writes("requirements.txt", "django==5.2.19\npymemcache==4.0.0\npywin32==311\n"),
        code="no-wheel",
        cause="pywin32==311 has no wheel for this Python and platform",
        remedy="a version of pywin32 that has one",
    ),
    Breakage(
        name="a line that is no requirement",
        breaks=writes("requirements.txt", "django==5.2.19\npymemcache=4.0.0\n"),
        code="requirement-syntax",
        cause="requirements.txt has a line that is no requirement: pymemcache=4.0.0",
        remedy="two equal signs",
    ),
    Breakage(
        name="a syntax error in views",
        breaks=replaces(VIEWS, "def page(request: HttpRequest) -> HttpResponse:", "def page(request"),
        code="syntax-error",
        cause="counter/views.py",
        where="counter/views.py:",
        remedy="counter/views.py",
    ),
    Breakage(
        name="a syntax error in settings",
        breaks=adds(SETTINGS, "\nUSE_TZ = = True\n"),
        code="syntax-error",
        cause="proj/settings.py",
        where="proj/settings.py:",
        evidence="USE_TZ = = True",
        remedy="proj/settings.py",
    ),
    Breakage(
        name="a syntax error in urls",
        breaks=replaces("proj/urls.py", "]\n", ")\n"),
        code="syntax-error",
        cause="proj/urls.py",
        where="proj/urls.py:",
        remedy="proj/urls.py",
    ),
    Breakage(
        name="an import error in settings",
        breaks=replaces(SETTINGS, "import os\n", "import os\nimport environ\n"),
        code="import-error",
        cause="environ",
        where="proj/settings.py:4",
        remedy="django-environ",
    ),
    Breakage(
        name="a module that was not committed",
        breaks=replaces(VIEWS, "from counter import visits", "from counter import secret_sauce, visits"),
        code="import-name",
        cause="secret_sauce",
        where="counter/views.py:",
        remedy="Correct the name",
    ),
    Breakage(
        name="SECRET_KEY missing and nothing supplied",
        breaks=writes("pushlive.toml", "[run]\nsupply = false\n"),
        code="environment-missing",
        cause="SECRET_KEY",
        where="proj/settings.py:8",
        remedy="pushlive env set SECRET_KEY=",
    ),
    Breakage(
        name="a name that only the user can give",
        breaks=adds(SETTINGS, '\nPAYMENT_KEY = os.environ["PAYMENT_KEY"]\nPAYMENT_URL = os.environ["PAYMENT_URL"]\n'),
        code="environment-missing",
        cause="PAYMENT_KEY",
        where="proj/settings.py:",
        remedy="pushlive env set PAYMENT_KEY=",
    ),
    Breakage(
        name="DisallowedHost: nothing allowed",
        breaks=replaces(
            SETTINGS,
            'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")',
            "ALLOWED_HOSTS = []",
        ),
        code="disallowed-host",
        cause="ALLOWED_HOSTS",
        where="proj",
        remedy="ALLOWED_HOSTS",
    ),
    Breakage(
        name="DisallowedHost: decided at the request",
        breaks=replaces(
            VIEWS,
            '    """Count the visit and show the number."""\n',
            "    from django.core.exceptions import DisallowedHost\n\n"
            "    raise DisallowedHost(\"Invalid HTTP_HOST header: '127.0.0.1'. You may need to add it.\")\n",
        ),
        code="disallowed-host",
        cause="ALLOWED_HOSTS",
        remedy="ALLOWED_HOSTS",
    ),
    Breakage(
        name="collectstatic: a style sheet names a file that is not there",
        breaks=adds(STYLES, "\nbody { background: url('nowhere.png'); }\n"),
        code="static-reference",
        cause="counter/page.css refers to counter/nowhere.png",
        remedy="Commit the file",
        where="counter/page.css",
    ),
    Breakage(
        name="collectstatic: no STATIC_ROOT, no supply",
        breaks=several(
            replaces(SETTINGS, 'STATIC_ROOT = BASE_DIR / "staticfiles"\n', ""),
            replaces(SETTINGS, 'os.environ["SECRET_KEY"]', '"x" * 60'),
            writes("pushlive.toml", "[run]\nsupply = false\n"),
        ),
        code="static-root",
        cause="STATIC_ROOT",
        remedy="STATIC_ROOT",
    ),
    Breakage(
        name="a page that answers 500",
        breaks=replaces(VIEWS, "    return render(", "    price = {}['euro']\n    return render("),
        code="exception",
        cause="KeyError: 'euro'",
        where="counter/views.py:",
        remedy="counter/views.py",
    ),
    Breakage(
        name="a template that does not exist",
        breaks=replaces(VIEWS, '"counter/page.html"', '"counter/pgae.html"'),
        code="template-missing",
        cause="counter/pgae.html",
        where="counter/views.py:",
        remedy="templates",
    ),
    Breakage(
        name="a page without the expected text",
        breaks=writes("pushlive.toml", '[verify]\ncontains = "Welcome to the shop"\n'),
        code="verification",
        cause="without the text 'Welcome to the shop'",
        remedy=r"\[verify\] contains",
    ),
    Breakage(
        name="a page with another status",
        breaks=writes("pushlive.toml", '[verify]\npath = "/nowhere"\nstatus = 200\n'),
        code="verification",
        cause="/nowhere answered 404.* wants 200",
        remedy=r"\[verify\]",
    ),
    Breakage(
        name="a slow start",
        breaks=several(
            adds("proj/wsgi.py", "\nimport time\n\nif 'PUSHLIVE_REPLICA' in os.environ:\n    time.sleep(60)\n"),
            writes("pushlive.toml", "[run]\nstart_timeout = 2\n"),
        ),
        code="slow-start",
        cause="still starting after 2 s",
        remedy="start_timeout",
    ),
    Breakage(
        name="a crash at the start",
        breaks=adds("proj/wsgi.py", "\nif 'PUSHLIVE_REPLICA' in os.environ:\n    raise RuntimeError('no licence')\n"),
        code="exception",
        cause="RuntimeError: no licence",
        where="proj/wsgi.py:",
        remedy="proj/wsgi.py",
    ),
    Breakage(
        name="an exit at the start",
        breaks=adds(
            "proj/wsgi.py", "\nif 'PUSHLIVE_REPLICA' in os.environ:\n    raise SystemExit('the licence ran out')\n"
        ),
        code="exception",
        cause="the licence ran out",
        where="proj/wsgi.py:",
        remedy="proj/wsgi.py",
    ),
    Breakage(
        name="a kill at the start",
        breaks=adds("proj/wsgi.py", "\nif 'PUSHLIVE_REPLICA' in os.environ:\n    os.kill(os.getpid(), 9)\n"),
        code="memory",
        cause="killed the site's process",
        evidence="SIGKILL",
        remedy="memory",
    ),
    Breakage(
        name="the site writes into its own tree",
        breaks=replaces(
            VIEWS,
            "    return render(",
            "    from django.conf import settings\n\n"
            '    (settings.BASE_DIR / "visits.log").open("a").write("one\\n")\n    return render(',
        ),
        code="read-only",
        cause="visits.log",
        where="counter/views.py:",
        remedy="visits.log",
    ),
    Breakage(
        name="a module without application",
        breaks=replaces("proj/wsgi.py", "application = get_wsgi_application()", "app_ = get_wsgi_application()"),
        code="app-callable",
        cause="proj.wsgi has no application named application",
        remedy="under .app., wsgi =",
    ),
    Breakage(
        name="pushlive.toml: an unknown key",
        breaks=writes("pushlive.toml", "[run]\nreplica = 3\n"),
        code="settings",
        cause="replica",
        where="pushlive.toml",
        remedy="replicas",
    ),
    Breakage(
        name="pushlive.toml: a wrong type",
        breaks=writes("pushlive.toml", '[run]\nreplicas = "three"\n'),
        code="settings",
        cause='expected a whole number, got "three"',
        where="pushlive.toml",
        remedy="Write a whole number",
    ),
    Breakage(
        name="pushlive.toml: no TOML",
        breaks=writes("pushlive.toml", "[run\nreplicas = 3\n"),
        code="settings",
        cause="TOML",
        where="pushlive.toml",
        remedy="key = value",
    ),
    Breakage(
        name="two Django projects in one repository",
        breaks=several(
            lambda site: [
                (site.path / "one").mkdir(),
                site.git("mv", "manage.py", "proj", "counter", "one/"),
                copies("one/manage.py", "two/manage.py")(site),
                copies("one/proj/settings.py", "two/proj/settings.py")(site),
                copies("one/proj/wsgi.py", "two/proj/wsgi.py")(site),
                writes("two/proj/__init__.py", "")(site),
            ],
        ),
        code="settings",
        cause="there are 2 Django projects here",
        where="one/manage.py, two/manage.py",
        remedy="root = .one",
    ),
    Breakage(
        name="a symlink out of the tree",
        breaks=links("counter/passwd", "../../../../etc/passwd"),
        code="source",
        cause="counter/passwd",
        remedy="Commit the file itself",
    ),
    *(
        Breakage(
            name=f"healthy for {requests} requests, then 500",
            breaks=wears_out_after(requests),
            code="exception",
            cause="RuntimeError: worn out",
            where="counter/views.py:",
            evidence="answered 500",
            remedy="Correct it in counter/views.py",
        )
        for requests in (1, 2)
    ),
)


def migration(name: str, body: str, after: str = "0001_initial") -> Break:
    """Adds a migration to the guest book; `body` is its list of operations and what they need."""
    return writes(
        f"entries/migrations/{name}.py",
        "from django.db import migrations, models\n\n\n"
        f"{body}\n\n\n"
        "class Migration(migrations.Migration):\n"
        f'    dependencies = [("entries", "{after}")]\n'
        "    operations = OPERATIONS\n",
    )


GUESTBOOK = (
    Breakage(
        name="a migration that raises",
        breaks=migration(
            "0002_tidy",
            "def tidy(apps, schema_editor):\n    raise ValueError('no euro rate')\n\n\n"
            "OPERATIONS = [migrations.RunPython(tidy)]",
        ),
        code="migration",
        cause="entries.0002_tidy fails: ValueError: no euro rate",
        where="entries/migrations/0002_tidy.py:5",
        evidence="Applying entries.0002_tidy",
        remedy="Correct the migration",
    ),
    Breakage(
        name="a migration that the rows do not fit",
        breaks=migration(
            "0002_unique",
            'OPERATIONS = [migrations.AlterField("entry", "text", models.TextField(unique=True))]',
        ),
        code="migration",
        cause="entries.0002_unique fails: IntegrityError: UNIQUE constraint failed",
        where="entries/migrations/0002_unique.py",
        remedy="rows",
    ),
    Breakage(
        name="a migration whose parent is missing",
        breaks=migration("0003_more", "OPERATIONS = []", after="0002_lost"),
        code="migration-missing",
        cause="entries.0003_more",
        remedy="entries/migrations/0002_lost.py",
    ),
    Breakage(
        name="two migrations from two branches of work",
        breaks=several(migration("0002_one", "OPERATIONS = []"), migration("0002_two", "OPERATIONS = []")),
        code="migration-conflict",
        cause="0002_one",
        remedy="makemigrations --merge",
    ),
    Breakage(
        name="a model without its migration",
        breaks=adds("entries/models.py", "    name = models.TextField(default='')\n"),
        code="column-missing",
        cause="the database has no column name",
        where="entries/views.py:",
        remedy="makemigrations",
    ),
    Breakage(
        name="a release command that does not exist",
        breaks=writes("pushlive.toml", '[release]\ncommand = "python manage.py migrat"\n'),
        code="release",
        cause="migrat",
        remedy="Mend it",
    ),
    Breakage(
        name="a release command that is no program",
        breaks=writes("pushlive.toml", '[release]\ncommand = "makemigrate --now"\n'),
        code="release",
        cause="makemigrate",
        where="release. command",
        remedy="Correct its name",
    ),
)
