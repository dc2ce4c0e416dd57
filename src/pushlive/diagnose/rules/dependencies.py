"""What uv prints when the requirements cannot be installed."""

import re

from pushlive.diagnose.rule import Decide, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_NAME = r"[A-Za-z0-9][\w.-]*"


def bad_line(symptoms: Symptoms) -> Diagnosis | None:
    """A line that is no requirement."""
    found = re.search(r"(?:Couldn't parse requirement in|Unexpected .{1,60}? in) `([^`]+)`", symptoms.flat)
    if found is None:
        return None
    marked = re.search(r"^[^\S\n]*(\S[^\n]*)\n[^\S\n]*\^+[^\S\n]*$", symptoms.text, re.MULTILINE)
    return symptoms.found(
        "requirement-syntax",
        f"{found[1]} has a line that is no requirement" + (f": {marked[1]}" if marked else ""),
        remedy="Correct it: a requirement reads `django==5.2`, with two equal signs.",
        evidence=(symptoms.line(r"no such comparison|[Ee]xpected|Missing|must ") or found[0],),
    )


def unsatisfiable(symptoms: Symptoms) -> Diagnosis | None:
    """The requirements contradict one another."""
    found = re.search(r"No solution found when resolving dependencies.*?(Because .+?unsatisfiable)", symptoms.flat)
    if found is None:
        return None
    reasons = re.sub(r" (And because|, we can conclude)", r"\n\1", found[1]).splitlines()
    return symptoms.found(
        "requirement-conflict",
        "no versions satisfy all the requirements at once",
        remedy=f"Loosen one of the requirements that contradict each other in {symptoms.context.requirements}.",
        evidence=tuple(reason.strip(" ,") for reason in reasons[:4]),
    )


RULES: tuple[Decide, ...] = (
    Printed(
        "requirement-missing",
        rf"Because (?P<name>{_NAME}) was not found in the (?:package registry|provided package locations)",
        "there is no package named {name}",
        "Correct or remove {name} in {requirements}; if it is a private one, name its index there.",
    ),
    Printed(
        "requirement-version",
        rf"there is no version of (?P<name>{_NAME}(?:\[[\w,.-]+\])?)(?P<version>[=<>~!]=?[\w.*+!-]+)",
        "there is no version {version} of {name}",
        "Correct the version of {name} in {requirements}.",
    ),
    Printed(
        "no-wheel",
        rf"Because (?:all versions of )?(?P<name>{_NAME})(?P<version>==[\w.]+)? (?:has|have) no "
        r"(?:usable wheels|source distribution|wheels with a matching [\w ]+)",
        "{name}{version} has no wheel for this Python and platform",
        "Require a version of {name} that has one, or another Python: .python-version.",
    ),
    unsatisfiable,
    Printed(
        "hash-mismatch",
        rf"Hash mismatch for `(?P<what>{_NAME}[^`]*)`",
        "{what} is not the file that {requirements} was locked with: its hash differs",
        "If you trust the new file, lock again and commit {requirements}; if not, find out who changed it.",
    ),
    Printed(
        "hash-missing",
        r"In `--require-hashes` mode, all requirements must have a hash, but none were provided for: (?P<what>\S+)",
        "some requirements are locked with a hash and {what} is not",
        "Lock all of {requirements} with hashes (`uv pip compile --generate-hashes`), or none of it.",
    ),
    bad_line,
    Printed(
        "requirement-file",
        r"Error parsing included file in `(?P<file>[^`]+)`.*?failed to read from file `(?P<path>[^`]+)`",
        "{file} includes a file that is not in the repository",
        "Commit the file, or take its `-r` line out of {file}.",
        shown=r"failed to read from file",
    ),
    Printed(
        "git-missing",
        r"Git executable not found|\bgit: not found",
        "a requirement comes from a git repository, and git is not installed",
        "Install it: apt-get install git.",
    ),
    Printed(
        "requirement-git",
        r"Git operation failed.*?'?(?P<url>(?:https?|ssh|git)://[^\s'`]+)",
        "a requirement comes from a git repository that cannot be reached: {url}",
        "See that this machine may reach it, or require a released version instead.",
        shown=r"fatal: ",
    ),
    Printed(
        "index-refused",
        r"Failed to fetch: `?(?P<url>https?://[^\s`]+)`?.{1,80}?"
        r"HTTP status (?:client|server) error \((?P<status>[^)]+)\)",
        "the package index answers {status} for {url}",
        "See that the index named in {requirements} (`-i`) has it, and that this machine may read it.",
        shown=r"HTTP status",
    ),
    Printed(
        "index-unreachable",
        r"(?:Failed to fetch|error sending request for url|dns error)[:\s(`]*(?P<url>https?://[^\s)`]+)?",
        "the package index cannot be reached",
        "See that this machine has a network, and that an index named in {requirements} (`-i`) still exists.",
        shown=r"Failed to fetch|dns error",
    ),
)
