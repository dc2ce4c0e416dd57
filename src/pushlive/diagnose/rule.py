"""How a rule is written: a pattern and two sentences, or a function of the symptoms."""

import re
from collections.abc import Callable

from msgspec import Struct

from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

Decide = Callable[[Symptoms], Diagnosis | None]
"""A rule: says what the symptoms mean, or nothing."""


class Printed(Struct, frozen=True):
    """A rule for what a program printed: `pattern` is looked for in the whole text, its lines joined to one.

    `cause` and `remedy` may use the pattern's groups, and `{host}` and `{requirements}`. `shown` is the pattern of the
    lines that are the evidence, the whole match when it is empty.
    """

    code: str
    pattern: str
    cause: str
    remedy: str
    shown: str = ""

    def __call__(self, symptoms: Symptoms) -> Diagnosis | None:
        """Apply it."""
        found = re.search(self.pattern, symptoms.flat)
        if found is None:
            return None
        line = symptoms.line(self.shown) if self.shown else ""
        return _diagnosis(self, symptoms, found, (line or found[0].strip(),))


class Exceptional(Struct, frozen=True):
    """A rule for an exception of one of these types (its name without the module) whose words match the pattern."""

    code: str
    types: tuple[str, ...]
    pattern: str
    cause: str
    remedy: str

    def __call__(self, symptoms: Symptoms) -> Diagnosis | None:
        """Apply it."""
        for raised in symptoms.raised(*self.types):
            if found := re.search(self.pattern, raised.words, re.DOTALL):
                own = symptoms.place.code if symptoms.place else ""
                return _diagnosis(self, symptoms, found, tuple(line for line in (own, raised.text) if line))
        return None


def _diagnosis(
    rule: Printed | Exceptional, symptoms: Symptoms, found: re.Match[str], lines: tuple[str, ...]
) -> Diagnosis:
    words = {
        "host": symptoms.context.host,
        "requirements": symptoms.context.requirements,
        **{name: value or "" for name, value in found.groupdict().items()},
    }
    return symptoms.found(rule.code, rule.cause.format_map(words), remedy=rule.remedy.format_map(words), evidence=lines)
