"""Settings that leave something to the environment, or contradict Django."""

import re

from pushlive.diagnose.rule import Decide, Exceptional
from pushlive.diagnose.symptoms import Symptoms
from pushlive.diagnose.tracebacks import Frame
from pushlive.model.delivery import Diagnosis

_VARIABLE = r"[A-Za-z_]\w*"
_READ = re.compile(
    rf"(?:environ\s*\[|(?:environ\.get|getenv|config|env(?:\.\w+)?)\s*\()\s*[\"'](?P<name>{_VARIABLE})[\"']"
)
_PYTHONS_OS = re.compile(r"(?:^|[/ ])os(?:\.py|>)$")
_BY_VALUE = {"ValueError", "AttributeError", "TypeError", "ImproperlyConfigured", "SyntaxError"}
"""What a line raises that cannot use a value; a SyntaxError where it is evaluated."""


def missing_variable(symptoms: Symptoms) -> Diagnosis | None:
    """KeyError out of os.environ."""
    for raised in symptoms.raised("KeyError"):
        name = raised.words.strip("'\"")
        last = raised.frames[-1] if raised.frames else Frame("", 0)
        asked = last.function == "__getitem__" and _PYTHONS_OS.search(last.file)
        read = symptoms.place is not None and re.search(rf"environ\W+{re.escape(name)}\b", symptoms.place.code)
        if re.fullmatch(_VARIABLE, name) and (asked or read):
            return _not_set(symptoms, name)
    return None


def declared_variable(symptoms: Symptoms) -> Diagnosis | None:
    """What python-decouple, django-environ and others say of a name without a value."""
    pattern = re.compile(
        rf"^(?P<a>{_VARIABLE}) not found\. Declare it as envvar|^Set the (?P<b>{_VARIABLE}) environment variable"
        rf"|[Ee]nvironment variable \"?'?(?P<c>{_VARIABLE})\"?'? (?:is )?not (?:set|found|defined)"
    )
    for raised in symptoms.raised():
        if found := pattern.search(raised.words):
            return _not_set(symptoms, found["a"] or found["b"] or found["c"])
    return None


def unusable_variable(symptoms: Symptoms) -> Diagnosis | None:
    """A line that reads a variable fails on its value, or on there being none."""
    if symptoms.place is None or not symptoms.chain:
        return None
    read = _READ.search(symptoms.place.code)
    if read is None or symptoms.chain[-1].name not in _BY_VALUE:
        return None
    if "NoneType" in symptoms.chain[-1].words:
        return _not_set(symptoms, read["name"])
    return symptoms.found(
        "environment-value",
        f"the settings cannot use the value of {read['name']}",
        remedy=f"Set it to one they can: pushlive env set {read['name']}=...",
    )


def _not_set(symptoms: Symptoms, name: str) -> Diagnosis:
    return symptoms.found(
        "environment-missing",
        f"the settings ask the environment for {name}, and it is not set",
        remedy=f"Set it: pushlive env set {name}=...",
    )


def syntax(symptoms: Symptoms) -> Diagnosis | None:
    """A file that Python cannot read. A text that is evaluated, `<unknown>`, is none."""
    for raised in symptoms.raised("SyntaxError", "IndentationError", "TabError"):
        if not raised.frames or raised.frames[-1].file.startswith("<"):
            continue
        frame = raised.frames[-1]
        own = symptoms.inside(frame.file)
        file = own or frame.file
        remedy = f"Correct {file}, line {frame.line}; `python -m py_compile {file}` shows it again."
        if not own:
            lock = symptoms.context.requirements
            remedy = f"The file is a requirement's: it wants another Python, or another version in {lock}."
        where = f"{file}:{frame.line}"
        evidence = tuple(line for line in (frame.code, raised.text) if line)
        cause = f"{file} is no valid Python: {raised.words.partition(chr(10))[0]}"
        return symptoms.found("syntax-error", cause, remedy=remedy, evidence=evidence, where=where)
    return None


def system_check(symptoms: Symptoms) -> Diagnosis | None:
    """Django's own checks refuse."""
    if "SystemCheckError: System check identified some issues" not in symptoms.text:
        return None
    after = symptoms.text.rpartition("ERRORS:")[2].splitlines()
    lines = tuple(line.strip() for line in after if re.search(r"\(\w[\w.]*\.E\d+\)", line))
    first = lines[0] if lines else "see the output"
    return symptoms.found(
        "system-check",
        f"Django's system checks refuse to go on: {first}",
        remedy="Correct what they name; `python manage.py check` shows the same on your machine.",
        evidence=lines,
    )


RULES: tuple[Decide, ...] = (
    syntax,
    missing_variable,
    declared_variable,
    unusable_variable,
    Exceptional(
        "secret-key",
        ("ImproperlyConfigured",),
        r"SECRET_KEY setting must not be empty",
        "SECRET_KEY is empty",
        "Set the variable that the settings take it from: pushlive env set SECRET_KEY=...",
    ),
    Exceptional(
        "database-driver",
        ("ImproperlyConfigured",),
        r"Error loading (?P<module>psycopg2|psycopg2 or psycopg|psycopg)\b",
        "the database is PostgreSQL, and no driver for it is among the requirements",
        "Add psycopg[binary] to {requirements}.",
    ),
    Exceptional(
        "database-driver",
        ("ImproperlyConfigured",),
        r"Error loading MySQLdb module",
        "the database is MySQL, and no driver for it is among the requirements",
        "Add mysqlclient to {requirements}.",
    ),
    Exceptional(
        "database-engine",
        ("ImproperlyConfigured",),
        r"settings\.DATABASES is improperly configured\. Please supply the (?P<key>ENGINE|NAME) value",
        "DATABASES names no database: its {key} is missing",
        "If the settings read it from a variable, set that: pushlive env set DATABASE_URL=...",
    ),
    Exceptional(
        "system-library",
        ("ImproperlyConfigured",),
        r"Could not find the (?P<library>GDAL|GEOS) library",
        "the site uses GeoDjango, and the {library} library is not installed",
        "Install it: apt-get install libgdal-dev libgeos-dev.",
    ),
    Exceptional(
        "settings-module",
        ("ImproperlyConfigured",),
        r"Requested setting .+?, but settings are not configured",
        "the application was loaded without settings: DJANGO_SETTINGS_MODULE is not set",
        'Name them: [app] settings = "proj.settings" in pushlive.toml.',
    ),
    system_check,
)
