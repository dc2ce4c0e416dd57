"""Names of packages, compared as indexes compare them."""

import re


def canonical(name: str) -> str:
    """A package's name as indexes spell it (PEP 503).

    packaging has this too, at the price of 20 ms of imports, and every push compares names.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirement: str) -> str:
    """The canonical name of the package that a requirement begins with (PEP 508); "" when it begins otherwise."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return canonical(found[0]) if found else ""
