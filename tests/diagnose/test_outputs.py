"""Each failure in outputs/, which was provoked for real by provoke.py, has one cause, its place and its remedy."""

import re
from pathlib import Path

import pytest

from pushlive.diagnose import Context, diagnose
from pushlive.image.failures import explain
from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import PushliveError, ReleaseError, RolloutError, VerificationError

HERE = Path(__file__).parent
OUTPUTS = HERE / "outputs"
READ_ALOUD = HERE / "read_aloud.txt"
NAMES = sorted(path.stem for path in OUTPUTS.glob("*.txt"))
CONTEXT = Context(modules=frozenset({"proj", "blog"}), host="shop.example")

EXPECTED = {
    "async-unsafe": ("async-unsafe", "blog/views.py:8"),
    "attribute-error": ("exception", "blog/views.py:5"),
    "boot-circular": ("circular-import", "blog/other.py:1"),
    "boot-collections": ("python-removed", "blog/models.py:1"),
    "boot-exit": ("exit", ""),
    "boot-gdal": ("system-library", ""),
    "boot-import-name": ("import-name", "blog/models.py:1"),
    "boot-key-error": ("environment-missing", "proj/settings.py:15"),
    "boot-no-attribute": ("app-callable", ""),
    "boot-no-module": ("module-missing", ""),
    "boot-pkg-resources": ("pkg-resources", "blog/models.py:1"),
    "boot-port-taken": ("port-taken", ""),
    "boot-shared-library": ("system-library", "blog/models.py:2"),
    "boot-syntax": ("syntax-error", "blog/models.py:1"),
    "boot-views-import": ("import-error", "blog/views.py:1"),
    "build-distutils": ("build-failed", ""),
    "build-header": ("build-header", ""),
    "build-mysql": ("build-library", ""),
    "build-old-setuptools": ("build-setuptools", ""),
    "build-pg-config": ("build-pg-config", ""),
    "build-use-2to3": ("build-setuptools", ""),
    "chained": ("exception", "blog/views.py:8"),
    "collectstatic-no-root": ("static-root", ""),
    "collectstatic-reference": ("static-reference", "blog/a.css"),
    "database-auth": ("database-login", ""),
    "database-host-unknown": ("database-host", ""),
    "database-missing": ("database-missing", ""),
    "database-refused": ("database-unreachable", ""),
    "disallowed-host": ("disallowed-host", ""),
    "disk-full": ("disk-full", "blog/views.py:6"),
    "group": ("exception", "blog/views.py:5"),
    "is-a-folder": ("exception", "blog/views.py:5"),
    "memcached-refused": ("memcached-unreachable", "blog/views.py:6"),
    "middleware-missing": ("import-error", ""),
    "migration-conflict": ("migration-conflict", ""),
    "migration-integrity": ("migration", "blog/migrations/0002_fill.py:8"),
    "migration-parent-missing": ("migration-missing", ""),
    "migration-table-exists": ("migration", "blog/migrations/0002_twice.py"),
    "no-reverse-match": ("url-name", "blog/views.py:6"),
    "no-such-table": ("table-missing", "blog/views.py:6"),
    "permission-denied": ("read-only", "proj/settings.py:15"),
    "read-only-file-system": ("read-only", "proj/settings.py:15"),
    "recursion": ("exception", "blog/views.py:5"),
    "redis-refused": ("redis-unreachable", "blog/views.py:6"),
    "requirement-conflict": ("requirement-conflict", ""),
    "requirement-git": ("requirement-git", ""),
    "requirement-hash": ("hash-mismatch", ""),
    "requirement-include": ("requirement-file", ""),
    "requirement-index-unreachable": ("index-unreachable", ""),
    "requirement-missing": ("requirement-missing", ""),
    "requirement-no-wheel": ("no-wheel", ""),
    "requirement-python": ("python-version", ""),
    "requirement-syntax": ("requirement-syntax", ""),
    "requirement-unhashed": ("hash-missing", ""),
    "requirement-version-missing": ("requirement-version", ""),
    "settings-app-missing": ("import-error", ""),
    "settings-decouple": ("environment-missing", "proj/settings.py:16"),
    "settings-engine": ("database-engine", ""),
    "settings-environ": ("environment-missing", "proj/settings.py:16"),
    "settings-file-missing": ("settings-file", "proj/settings.py:15"),
    "settings-import": ("import-error", "proj/settings.py:15"),
    "settings-import-dotted": ("import-error", "proj/settings.py:15"),
    "settings-indent": ("syntax-error", "proj/settings.py:16"),
    "settings-int": ("environment-value", "proj/settings.py:15"),
    "settings-key-error": ("environment-missing", "proj/settings.py:15"),
    "settings-module-missing": ("module-missing", ""),
    "settings-no-driver": ("database-driver", ""),
    "settings-none": ("environment-missing", "proj/settings.py:15"),
    "settings-own-app-missing": ("import-error", ""),
    "settings-secret-key-empty": ("secret-key", "blog/views.py:6"),
    "settings-syntax": ("syntax-error", "proj/settings.py:15"),
    "sqlite-readonly": ("sqlite-readonly", ""),
    "sqlite-unable-to-open": ("sqlite-open", ""),
    "static-manifest-missing": ("static-manifest", "blog/views.py:6"),
    "system-check": ("system-check", ""),
    "template-missing": ("template-missing", "blog/views.py:6"),
    "view-returns-none": ("no-response", ""),
    "worker-killed": ("memory", ""),
}


def error(name: str) -> PushliveError:
    output, about = (OUTPUTS / f"{name}.txt").read_text(), name.partition("-")[0]
    if about in {"requirement", "build"}:
        return explain(output, "3.11.2")
    if name == "disallowed-host":
        return VerificationError("/ answered 400 to a request for the site's own host other.example", output=output)
    kind = ReleaseError if about in {"migration", "database"} else RolloutError
    return kind(f"the {kind.__name__.removesuffix('Error').lower()} failed", output=output)


def found(name: str) -> Diagnosis:
    return diagnose(error(name), CONTEXT)


def aloud(name: str) -> str:
    one = found(name)
    place = f" ({one.where})" if one.where else ""
    lines = [f"{name}: {one.cause}{place}", *(f"    | {line}" for line in one.evidence), f"    {one.remedy}"]
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_names_the_cause_and_its_place(name: str) -> None:
    assert (found(name).code, found(name).where) == EXPECTED[name]


def test_every_expected_output_is_there() -> None:
    assert sorted(EXPECTED) == NAMES


def test_reads_aloud_as_it_was_last_approved() -> None:
    """`python -m tests.diagnose.test_outputs` writes the text anew, for you to read."""
    assert READ_ALOUD.read_text() == "\n\n".join(aloud(name) for name in NAMES) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_makes_sense_when_read_aloud(name: str) -> None:
    one = found(name)
    assert re.match(r"[a-z\"'{]|[A-Z]\w*", one.cause)
    assert not one.cause.endswith(".") or one.cause.endswith(("...", "abstract.", "Error."))
    assert "\n" not in one.cause + one.remedy
    assert "Traceback" not in one.cause
    assert one.remedy[:1].isupper()
    assert 1 <= len(one.evidence) <= 6
    assert "/app/" not in one.cause + one.where + one.remedy
    assert not re.search(r"\{\w*\}|\bNone\b(?! where)|  ", one.cause + one.remedy)


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_output_is_of_no_machine_in_particular(name: str) -> None:
    assert not re.search(r"(?<![\w.])/(?:root|home)/|provoke-", (OUTPUTS / f"{name}.txt").read_text())


if __name__ == "__main__":
    READ_ALOUD.write_text("\n\n".join(aloud(name) for name in NAMES) + "\n")
