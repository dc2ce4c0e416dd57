"""Pipfile.lock as requirement lines: what is under `default`, with its hashes."""

from collections.abc import Mapping
from typing import Any

from pushlive.config.packages import canonical
from pushlive.image.lines import is_pypi
from pushlive.image.plan import UNNEEDED, Plan


def plan(document: Mapping[str, Any]) -> Plan:
    """The plan of a Pipfile.lock."""
    packages: Mapping[str, Mapping[str, Any]] = document.get("default", {})
    lines = [_line(name, entry) for name, entry in sorted(packages.items()) if canonical(name) not in UNNEEDED]
    notes = [
        f"Pipfile.lock: {name} is left out: {UNNEEDED[canonical(name)]}"
        for name in packages
        if canonical(name) in UNNEEDED
    ]
    sources = [source["url"] for source in document.get("_meta", {}).get("sources", [])]
    foreign = [url for url in sources if not is_pypi(url)]
    options = [f"--extra-index-url {url}" for url in foreign] if len(sources) > len(foreign) else []
    options = options or [f"--index-url {url}" for url in foreign[:1]]
    return Plan(tuple(lines), options=tuple(options), complete=True, notes=tuple(notes))


def _line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    if "git" in entry:
        return f"{name}{extras} @ git+{entry['git']}@{entry.get('ref', 'HEAD')}{marker}"
    hashes = "".join(f" --hash={value}" for value in entry.get("hashes", ()))
    version = entry.get("version", "")
    return f"{name}{extras}{'' if version == '*' else version}{marker}{hashes}"
