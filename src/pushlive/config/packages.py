"""Names of packages, compared as indexes compare them."""

import re


def canonical(name: str) -> str:
    """A package's name as indexes spell it (PEP 503).

    packaging has this too, at the price of 20 ms of imports, and every push compares names.
    """
    return re.sub(r"[-_.]+", "-", name).lower()
