"""Files of sites, to be written into a tree."""


def manage(settings="proj.settings"):
    return (
        "import os, sys\n"
        f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")\n'
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(sys.argv)\n"
    )


def wsgi(settings="proj.settings", kind="wsgi"):
    return (
        "import os\n"
        f"from django.core.{kind} import get_{kind}_application\n"
        f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")\n'
        f"application = get_{kind}_application()\n"
    )


def django(folder="", project="proj", settings="ROOT_URLCONF = 'proj.urls'\n"):
    """The files of an ordinary Django project."""
    below = f"{folder}/" if folder else ""
    return {
        f"{below}manage.py": manage(f"{project}.settings"),
        f"{below}{project}/__init__.py": "",
        f"{below}{project}/settings.py": settings,
        f"{below}{project}/wsgi.py": wsgi(f"{project}.settings"),
        f"{below}{project}/asgi.py": wsgi(f"{project}.settings", "asgi"),
    }


def origin(site, key):
    return next(fact.origin for fact in site.facts if fact.key == key)
