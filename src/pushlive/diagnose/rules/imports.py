"""Modules and names that cannot be imported, and what to require for them."""

import re

from pushlive.diagnose.packages import PACKAGES, REMOVED, SAME
from pushlive.diagnose.rule import Decide, Exceptional
from pushlive.diagnose.symptoms import Symptoms
from pushlive.diagnose.tracebacks import Raised
from pushlive.model.delivery import Diagnosis

_MODULE = re.compile(r"No module named '?(?P<name>[\w.]+)'?")


def missing_module(symptoms: Symptoms) -> Diagnosis | None:
    """A module that is not there: Python's, the site's, or a requirement's."""
    for raised in symptoms.raised("ModuleNotFoundError", "ImportError"):
        if found := _MODULE.search(raised.words):
            return _missing(symptoms, raised, found["name"])
    return None


def _missing(symptoms: Symptoms, raised: Raised, name: str) -> Diagnosis:
    top = name.partition(".")[0]
    if top == "pkg_resources":
        return _pkg_resources(symptoms, raised)
    if top in REMOVED and top == name:
        return _removed(symptoms, name)
    if top in symptoms.context.modules or ("." in name and top not in PACKAGES and not _installed(symptoms, top)):
        return _own(symptoms, name, _importer(raised))
    if "." in name:
        return _another_version(symptoms, name)
    return _required(symptoms, name, _importer(raised))


def _importer(raised: Raised) -> str:
    if any(frame.file.endswith("django/apps/config.py") for frame in raised.frames):
        return "INSTALLED_APPS names"
    if any(frame.function == "load_middleware" for frame in raised.frames):
        return "MIDDLEWARE names"
    return "the site imports"


def _installed(symptoms: Symptoms, top: str) -> bool:
    """A frame of the package, outside the site's tree, took part."""
    files = (frame.file for raised in symptoms.chain for frame in raised.frames)
    return top == "django" or any(f"/{top}/" in file and not symptoms.inside(file) for file in files)


def _pkg_resources(symptoms: Symptoms, raised: Raised) -> Diagnosis:
    gunicorn = any("/gunicorn/" in frame.file for frame in raised.frames[-2:])
    what = "the site's own gunicorn is too old: it" if gunicorn else "the site"
    return symptoms.found(
        "pkg-resources",
        f"{what} imports pkg_resources, which setuptools has no more since version 81",
        remedy=f"Add setuptools<81 to {symptoms.context.requirements}, or require a newer version of what imports it.",
    )


def _removed(symptoms: Symptoms, name: str) -> Diagnosis:
    last = REMOVED[name]
    return symptoms.found(
        "python-removed",
        f"the site imports {name}, which Python has no more since the version after {last}",
        remedy=f"Write {last} into .python-version, or require a newer version of what imports it.",
    )


def _own(symptoms: Symptoms, name: str, importer: str) -> Diagnosis:
    path = name.replace(".", "/")
    return symptoms.found(
        "module-missing",
        f"{importer} {name}, and the repository has no such module",
        remedy=f"Correct the name, or commit the file: `git ls-files {path}.py {path}/__init__.py` should name one.",
    )


def _another_version(symptoms: Symptoms, name: str) -> Diagnosis:
    top = name.partition(".")[0]
    package = PACKAGES.get(top, top)
    return symptoms.found(
        "module-version",
        f"{package} is installed, in a version that has no {name}",
        remedy=f"Require the version of {package} that the site was written for in {symptoms.context.requirements}.",
    )


def _required(symptoms: Symptoms, name: str, importer: str) -> Diagnosis:
    package = PACKAGES.get(name, name if name in SAME else "")
    lock = symptoms.context.requirements
    remedy = f"Add {package} to {lock}."
    if not package:
        remedy = f"Add the package that has it, perhaps called {name}, to {lock}; if it is the site's own, commit it."
    return symptoms.found("import-error", f"{importer} {name}, and no requirement brings it along", remedy=remedy)


RULES: tuple[Decide, ...] = (
    missing_module,
    Exceptional(
        "circular-import",
        ("ImportError", "AttributeError"),
        r"partially initialized module '(?P<module>[\w.]+)'",
        "modules import each other in a circle: {module} is imported while it is still being read",
        "Move one of the imports into the function that needs it.",
    ),
    Exceptional(
        "python-removed",
        ("ImportError",),
        r"cannot import name '(?P<name>\w+)' from 'collections'",
        "collections.{name} moved to collections.abc, and Python 3.10 took the old name away",
        "Import it from collections.abc; if a requirement does it, require a newer version of that.",
    ),
    Exceptional(
        "import-name",
        ("ImportError",),
        r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)' \([^)]*packages/[^)]+\)",
        "{module} has no {name} in the version that is installed",
        "Require the version of the package that the site was written for in {requirements}.",
    ),
    Exceptional(
        "import-name",
        ("ImportError",),
        r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'",
        "{module} has no {name}",
        "Correct the name, or the module that should define it.",
    ),
    Exceptional(
        "system-library",
        ("OSError", "ImportError"),
        r"(?P<library>lib[\w.+-]+\.so[.\d]*): cannot open shared object file|cannot load library '(?P<other>[^']+)'",
        "the system's library {library}{other} is not installed",
        "Install the package that has it: `apt-file search {library}{other}` names it.",
    ),
    Exceptional(
        "app-registry",
        ("AppRegistryNotReady",),
        r"(?P<words>[^\n]+)",
        "models are used before Django has loaded all apps",
        "Move the import into the function that needs it, or into the app's AppConfig.ready().",
    ),
)
