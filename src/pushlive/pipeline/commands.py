"""The site's own commands, as people write them: what they become, and what is said of one that fails. Pure."""

import re
import shlex

from pushlive.model.errors import PushliveError
from pushlive.system.process import Completed

_SHELL = set("&|;<>()$`*?~{}\n")
_ASSIGNED = re.compile(r"\s*[A-Za-z_]\w*=")
_PYTHON = re.compile(r"\s*(?:[A-Za-z_]\w*=\S*\s+)*python3?(?:\s|$)")


def words(command: str) -> list[str]:
    """A command as its argument list; one that needs a shell gets /bin/sh, as it would from a Procfile."""
    in_shell = ["/bin/sh", "-c", command]
    if _SHELL & set(command) or _ASSIGNED.match(command):
        return in_shell
    try:
        return shlex.split(command) or in_shell
    except ValueError:
        return in_shell


def is_python(command: str) -> bool:
    """Whether it begins with `python`, so that it is about manage.py's folder."""
    return _PYTHON.match(command) is not None


def failed(
    kind: type[PushliveError], what: str, command: str, done: Completed, *, where: str, remedy: str
) -> PushliveError:
    """The error for a command that did not end well."""
    return kind(
        f"{what} {done.ending}: {command}",
        where=where,
        evidence=done.output.splitlines()[-6:],
        remedy=remedy,
        output=done.output,
        code="timeout" if done.limit else "",
    )
