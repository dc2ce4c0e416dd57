"""What an inspection can end in, as errors with their cause, place and remedy. Pure."""

import signal
from collections.abc import Sequence

from pushlive.inspection import reach
from pushlive.inspection.goals import Policy
from pushlive.inspection.values import Check, Database, Failure, Level, Observation, Read, Settings
from pushlive.model.errors import BuildError, PushliveError, ReleaseError

_MOST_LINES = 6
_LATE = 0.95
"""Of the time an asking has: who is killed then was killed because it was over."""
_DOING = {
    "start": "the site cannot be started",
    "manage": "manage.py failed",
    "application": "the application cannot be imported",
    "settings": "settings import failed",
    "check": "the site's apps and pages cannot be loaded",
    "static": "collectstatic failed",
    "migrations": "the migrations cannot be read",
}


def lacking(names: Sequence[str], seen: Observation, policy: Policy) -> ReleaseError:
    """The settings need names that have no value."""
    several = len(names) > 1
    reason = "" if policy.supply else " (supply = false: nothing is filled in)"
    return ReleaseError(
        f"the settings need {_listed(names)}, which {'are' if several else 'is'} not set{reason}",
        where=_place(seen.read(names[0])),
        remedy=f"{_set(names)}; what is no secret may stand under [run] env in pushlive.toml",
        evidence=[_asked_for(name, seen.read(name)) for name in names],
        output=seen.failure.traceback if seen.failure else "",
        code="environment-missing",
    )


def unsettled(asked: int, tried: Sequence[str], seen: Observation) -> ReleaseError:
    """So many values were tried that there is no end in sight. `tried` are names, the latest first."""
    names = list(dict.fromkeys(tried))[:_MOST_LINES]
    return ReleaseError(
        f"the settings did not settle: after {asked} askings with other values they still want another",
        where=_place(seen.read(names[0])) if names else "",
        remedy=f"{_set(names)}, or write `supply = false` under [run] in pushlive.toml." if names else "",
        evidence=[_asked_for(name, seen.read(name)) for name in names],
        output=seen.failure.traceback if seen.failure else "",
    )


def stumbled(names: Sequence[str], failure: Failure, seen: Observation) -> ReleaseError:
    """The settings cannot be asked without the values of secrets, which only the running site is given."""
    return ReleaseError(
        f"the settings cannot be asked with a stand-in for {_listed(names)}: {_cause(failure)}",
        where=_place(seen.read(names[0])) or failure.where,
        remedy=f"{_as_no_secret(names)} Else let the settings use the value only where a page needs it.",
        evidence=_telling(failure.traceback)[-_MOST_LINES:],
        output=f"{seen.printed}\n{failure.traceback}".strip(),
        code="environment-value",
    )


def broken(failure: Failure, seen: Observation) -> PushliveError:
    """The site's own code failed."""
    return BuildError(
        f"{_DOING.get(failure.phase, failure.phase + ' failed')}: {_cause(failure)}",
        where=failure.where,
        remedy=_remedy(failure),
        evidence=_telling(failure.traceback)[-_MOST_LINES:],
        output=f"{seen.printed}\n{failure.traceback}".strip(),
    )


def silent(seen: Observation, timeout: float) -> BuildError:
    """The process ended, or was ended, before it had answered; or what it answered is none."""
    doing = seen.reached or "the start"
    cause, remedy = _unanswered(seen, timeout)
    return BuildError(
        f"asking the site for its settings: {cause} (at {doing})",
        remedy=remedy,
        evidence=seen.printed.strip().splitlines()[-_MOST_LINES:],
        output=seen.printed,
    )


def _unanswered(seen: Observation, timeout: float) -> tuple[str, str]:
    if seen.malformed:
        return f"its answer is not to be believed: {seen.malformed}", "The site's code must not write to the answer."
    if seen.code != -signal.SIGKILL:
        ended = f"the site's code ended the process with code {seen.code}"
        return ended, "Importing the settings and the apps must neither wait for something nor exit."
    if seen.seconds < timeout * _LATE:
        killed = f"its process was killed after {seen.seconds:.1f} s, as one is when memory runs out"
        return killed, "Look at `dmesg` or `journalctl -k`; import what is large only where a page needs it."
    return f"no answer within {timeout:.0f} s", "Importing the settings and the apps must not wait for something."


def empty_key(seen: Observation, settings: Settings) -> ReleaseError:
    """SECRET_KEY is empty, and no name of the environment leads to it."""
    names = [read.name for read in seen.reads if "SECRET_KEY" in read.flows]
    remedy = _set(names) if names else f"Read it from the environment in {settings.module}."
    return ReleaseError("SECRET_KEY is empty", where=settings.module, remedy=remedy, code="secret-key")


def no_host(policy: Policy, settings: Settings) -> ReleaseError:
    """ALLOWED_HOSTS lets nobody in."""
    listed = ", ".join(settings.allowed_hosts) or "nothing"
    return ReleaseError(
        f"ALLOWED_HOSTS allows no host to ask the site under: every page would be 400 ({listed} is allowed)",
        where=settings.module,
        remedy=f"Add {_listed(policy.hosts)} to ALLOWED_HOSTS, or read it from the environment.",
        code="disallowed-host",
    )


def unreachable(database: Database, reads: Sequence[Read], settings: Settings) -> ReleaseError:
    """Nothing answers where the settings' own default looks for the database."""
    names = [read.name for read in reads if "DATABASES" in read.flows]
    urls = [name for name in names if name.upper().endswith(("URL", "URI", "DSN"))]
    wanted = urls[:1] or names
    return ReleaseError(
        f"the database {database.alias!r} does not answer at {reach.place(database)}, the settings' own default",
        where=settings.module,
        remedy=_set(wanted) if wanted else f"Start it there, or change DATABASES in {settings.module}.",
        evidence=[f"{database.engine}, database {database.name!r}", *(_asked_for(read.name, read) for read in reads)],
        code="database-unreachable",
    )


def refused(checks: Sequence[Check]) -> BuildError:
    """Django's system checks found errors, so no management command would run."""
    bad = [each for each in checks if each.level >= Level.ERROR]
    return BuildError(
        f"Django's system checks found {len(bad)} error{'s' if len(bad) > 1 else ''}: {bad[0].message}",
        where=bad[0].id,
        remedy=bad[0].hint or "`python manage.py check` shows them.",
        evidence=[f"{each.id}: {each.message}" for each in bad[:_MOST_LINES]],
        code="system-check",
    )


def _remedy(failure: Failure) -> str:
    if failure.type == "ModuleNotFoundError":
        return "Add the package that has it to the requirements, or commit the module."
    if "psycopg" in failure.message:
        return "Add psycopg[binary] to the requirements."
    if failure.missing_file or failure.missing_elsewhere:
        return "Commit it, or make the settings do without it: what git does not carry is not there when the site runs."
    if failure.phase == "static":
        return (
            "`python manage.py collectstatic` in a fresh clone shows the same; `[build] static = false` leaves it out."
        )
    return ""


def _telling(traceback: str) -> list[str]:
    """The lines of a traceback without Python's and our own part in it."""
    return [
        line for line in traceback.strip().splitlines() if "<frozen " not in line and "/pushlive_runtime/" not in line
    ]


def _cause(failure: Failure) -> str:
    words = failure.message.strip().partition("\n")[0]
    lacking = failure.missing_file or failure.missing_elsewhere
    if lacking:
        return f"{lacking} is not there"
    if failure.type in ("ModuleNotFoundError", "ImportError", "Exception"):
        return words or failure.type
    return f"{failure.type}: {words}" if words else failure.type


def _asked_for(name: str, read: Read | None) -> str:
    return f"{name}  {_place(read)}".rstrip()


def _place(read: Read | None) -> str:
    return read.where[0] if read and read.where else ""


def _set(names: Sequence[str]) -> str:
    return f"Set {'them' if len(names) > 1 else 'it'}: `pushlive env set {' '.join(f'{name}=…' for name in names)}`"


def _as_no_secret(names: Sequence[str]) -> str:
    lines = ", ".join(f'{name} = "…"' for name in names)
    what = "they are no secrets" if len(names) > 1 else "it is no secret"
    return f"If {what}: `pushlive env unset {' '.join(names)}`, and write [run] env = {{ {lines} }} in pushlive.toml."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
