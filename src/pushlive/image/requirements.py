"""Read what a site asks to be installed, from whichever file says it, into one plan for uv. Nothing is run here."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pushlive.config.detect.toml import table
from pushlive.config.site import RequirementsKind
from pushlive.image import pipfile, poetry, pyproject
from pushlive.image.lines import Reader, is_pypi
from pushlive.image.plan import Lock, Plan, clean, from_path, inside, parsed, text, texts, toml
from pushlive.model.errors import BuildError

_REGISTRY = re.compile(r'^source = \{ registry = "([^"]+)" \}', re.MULTILINE)
_LOCAL = re.compile(r'^source = \{ (?:directory|editable|path) = "([^"]+)" \}', re.MULTILINE)
"""In uv.lock, as uv writes it."""


def key_material(lock: Lock) -> bytes:
    """What decides which packages are installed: equal bytes, equal packages. Raises BuildError (file missing)."""
    if lock.kind in {RequirementsKind.REQUIREMENTS, RequirementsKind.NONE}:
        plan = plan_of(lock)
        content = [_fingerprint(lock.tree / path) for path in plan.local]
        return json.dumps([plan.lines, plan.constraints, plan.options, content, plan.previews]).encode()
    parts = [str(lock.kind), *lock.groups]
    parts += _local_content(lock) if lock.kind is RequirementsKind.UV_LOCK else ()
    parts += [_relevant(content) if name.endswith("pyproject.toml") else content for name, content in texts(lock)]
    return json.dumps(parts).encode()


def plan_of(lock: Lock, markers: Mapping[str, str] | None = None) -> Plan:
    """The plan for every kind but uv.lock, which uv itself has to read. Raises BuildError.

    `markers` is the target's environment (PEP 508), for locks that leave conditions to their reader.
    """
    match lock.kind:
        case RequirementsKind.NONE:
            return Plan()
        case RequirementsKind.REQUIREMENTS:
            return Reader(lock).plan()
        case RequirementsKind.PIPFILE_LOCK:
            return pipfile.plan(text(lock, lock.named("Pipfile.lock")))
        case RequirementsKind.POETRY_LOCK:
            return poetry.plan(toml(lock, "poetry.lock"), toml(lock, "pyproject.toml"), lock.groups, markers or {})
        case RequirementsKind.PYPROJECT:
            lines = pyproject.asked(toml(lock, "pyproject.toml"), lock.groups)
            return Reader(Lock(lock.tree)).add("\n".join(lines), Path(lock.named("pyproject.toml"))).plan()
        case RequirementsKind.UV_LOCK:
            raise AssertionError("uv reads uv.lock")


def exported(printed: str, lock: Lock) -> Plan:
    """The plan of what `uv export` printed for a uv.lock, with the indexes that packages in it come from."""
    name = lock.named("uv.lock")
    lines = (f"--extra-index-url {url}" for url in _indexes(text(lock, name), name))
    return Reader(Lock(lock.tree)).add("\n".join((*lines, printed)), Path(name)).plan(complete=True)


def _indexes(content: str, name: str) -> Iterator[str]:
    for url in dict.fromkeys(_REGISTRY.findall(content)):
        if "://" not in url:
            raise from_path("packages", url, name)
        if not is_pypi(url):
            yield url


def _local_content(lock: Lock) -> Iterator[str]:
    """What is in the paths that a uv.lock refers to. It is not parsed: a long one takes 50 ms, at every push."""
    name = lock.named("uv.lock")
    for path in _LOCAL.findall(text(lock, name)):
        if path != ".":
            below = clean(Path(name).parent / path)
            yield _fingerprint(inside(lock.tree, below, name))


def _relevant(content: str) -> str:
    """What of a pyproject.toml decides on packages: a new version of the site itself must not install anew."""
    document = parsed(content, "pyproject.toml")
    project, tool = table(document, "project"), table(document, "tool")
    poetry_part = {name: part for name, part in table(tool, "poetry").items() if name in {"dependencies", "group"}}
    kept = [project.get(name) for name in ("name", "dependencies", "optional-dependencies", "requires-python")]
    return json.dumps([kept, document.get("dependency-groups"), tool.get("uv"), poetry_part], default=str)


def _fingerprint(path: Path) -> str:
    if not path.exists():
        raise BuildError(f"the requirements name {path.name}, and the repository has no such path", where=path.name)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
