"""An application that does not start, and no more specific reason is known."""

import re

from pushlive.diagnose.rule import Decide, Exceptional, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_LOG_ENTRY = re.compile(r"\s*(?:\[\d{4}-|\d{4}-\d\d-\d\dT)")


def slow(symptoms: Symptoms) -> Diagnosis | None:
    """It neither answers nor fails."""
    found = re.search(r"did not take a connection within (?P<seconds>[\d.]+) s", symptoms.error.cause)
    if found is None or symptoms.chain:
        return None
    lines = [line for line in symptoms.text.splitlines() if line.strip()]
    return symptoms.found(
        "slow-start",
        f"the site was still starting after {found['seconds']} s",
        remedy="Look at what it does when it starts (network calls at import?); if it may take that long, raise "
        "[run] start_timeout in pushlive.toml.",
        evidence=tuple(lines[-3:]),
    )


def killed(symptoms: Symptoms) -> Diagnosis | None:
    """The kernel, most likely, for want of memory."""
    found = re.search(r"killed by SIGKILL|exit(?:ed with)? code (?:137|-9)\b", symptoms.error.cause)
    if found is None:
        return None
    return symptoms.found(
        "memory",
        "the process was killed (SIGKILL), which the system does when memory runs out",
        remedy="See `dmesg | grep -i oom`. Run fewer replicas, or give the machine more memory.",
        evidence=symptoms.evidence or (found[0],),
    )


def last_words(symptoms: Symptoms) -> Diagnosis | None:
    """It ends itself while it is loaded, and says why in a line that is no log entry."""
    if symptoms.chain or not re.search(r"ended with exit code|exited with code 1\b", _told(symptoms)):
        return None
    lines = [line.strip() for line in symptoms.text.splitlines() if line.strip() and not _LOG_ENTRY.match(line)]
    if not lines:
        return None
    return symptoms.found(
        "exit",
        f"the site ends itself when it is loaded, and says: {lines[-1]}",
        remedy="Correct what it complains of; `pushlive logs --failed` has all that it printed.",
        evidence=(lines[-1],),
    )


def _told(symptoms: Symptoms) -> str:
    return f"{symptoms.error.cause}\n{symptoms.text}"


RULES: tuple[Decide, ...] = (
    Printed(
        "app-callable",
        r"Failed to find attribute '(?P<name>\w+)' in '(?P<module>[\w.]+)'",
        "the module {module} has no application named {name}",
        'Define it there, or name another one in pushlive.toml: under [app], wsgi = "{module}:NAME".',
    ),
    Exceptional(
        "settings-file",
        ("FileNotFoundError",),
        r"\[Errno 2\] No such file or directory: '(?P<path>[^']+)'",
        "the site reads {path}, which is not there",
        "Commit the file; or, if it is a secret, read it from the environment and use `pushlive env set`; or, if the "
        "site writes it, keep its folder: [data] paths in pushlive.toml.",
    ),
    Exceptional(
        "settings-invalid",
        ("ImproperlyConfigured",),
        r"(?P<words>.+)",
        "Django cannot use the settings: {words}",
        "Correct the setting that is named.",
    ),
    killed,
    slow,
    last_words,
)
