"""Small Django sites, each different from the next by the lines a test gives."""

from pathlib import Path

MANAGE = """\
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""

WSGI = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
application = get_wsgi_application()
"""

HEAD = """\
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
ROOT_URLCONF = "proj.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles", "pages"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "k" * 60
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
"""

URLS = "urlpatterns = []\n"


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def django_site(root: Path, settings: str = "", **files: str) -> Path:
    """A Django project whose settings are HEAD and then `settings`; `files` add to it or replace."""
    plain = {
        "manage.py": MANAGE,
        "proj/__init__.py": "",
        "proj/wsgi.py": WSGI,
        "proj/settings.py": HEAD + settings,
        "proj/urls.py": URLS,
        "pages/__init__.py": "",
        "pages/static/pages/site.css": "body { color: black }\n",
    }
    return write(root, {**plain, **files})


def line_of(root: Path, text: str, file: str = "proj/settings.py") -> str:
    """`file:line` of the first line with `text` in it."""
    lines = (root / file).read_text().splitlines()
    return f"{file}:{next(number for number, line in enumerate(lines, 1) if text in line)}"
