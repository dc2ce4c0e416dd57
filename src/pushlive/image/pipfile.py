"""Pipfile.lock as a plan: what is under `default`, with its hashes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pushlive.config.packages import canonical
from pushlive.image.lines import is_pypi
from pushlive.image.plan import UNNEEDED, Plan, from_path, git

_NAME = "Pipfile.lock"
_OWN = "the site's own code is in the image already"


def plan(document: Mapping[str, Any]) -> Plan:
    """The plan of a Pipfile.lock. Raises BuildError for a package that comes from a path."""
    packages: Mapping[str, Mapping[str, Any]] = document.get("default", {})
    passed = {name: reason for name, entry in packages.items() if (reason := _unneeded(name, entry))}
    return Plan(
        tuple(_line(name, entry) for name, entry in sorted(packages.items()) if name not in passed),
        options=tuple(_indexes([source["url"] for source in document.get("_meta", {}).get("sources", [])])),
        complete=True,
        notes=tuple(f"{_NAME}: {name} is left out: {reason}" for name, reason in passed.items()),
    )


def _unneeded(name: str, entry: Mapping[str, Any]) -> str:
    return _OWN if entry.get("path") in {".", "./"} else UNNEEDED.get(canonical(name), "")


def _indexes(sources: list[str]) -> Iterator[str]:
    """PyPI stays what the others come before, where it is one of them."""
    foreign = [url for url in sources if not is_pypi(url)]
    for number, url in enumerate(foreign):
        alone = number == 0 and len(foreign) == len(sources)
        yield f"--index-url {url}" if alone else f"--extra-index-url {url}"


def _line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    if address := _address(name, entry):
        return f"{name}{extras} @ {address}{marker}"
    hashes = "".join(f" --hash={value}" for value in entry.get("hashes", ()))
    version = entry.get("version", "")
    return f"{name}{extras}{'' if version == '*' else version}{marker}{hashes}"


def _address(name: str, entry: Mapping[str, Any]) -> str:
    """Where a package comes from that no index has; "" for any other."""
    if "git" in entry:
        return git(entry["git"], entry.get("ref", "HEAD"), entry.get("subdirectory"))
    address = str(entry.get("file", entry.get("path", "")))
    if (address and "://" not in address) or address.startswith("file:"):
        raise from_path(name, address, _NAME)
    return address
