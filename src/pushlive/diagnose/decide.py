"""Find the one cause. Pure: the rules are tried in order, and what they say is made fit to be shown."""

import re

from pushlive.diagnose.context import Context
from pushlive.diagnose.redact import Redactor, plain
from pushlive.diagnose.rules import rules_for
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import (
    BuildError,
    MachineError,
    PushliveError,
    ReleaseError,
    RolloutError,
    SettingsError,
    SourceError,
    StateError,
    SupersededError,
    UsageError,
    VerificationError,
)

MAX_EVIDENCE = 6
MAX_LINE = 200

_RUNNING = (ReleaseError, RolloutError, VerificationError)
_CODES: dict[type[PushliveError], str] = {
    UsageError: "usage",
    SettingsError: "settings",
    MachineError: "machine",
    SourceError: "source",
    BuildError: "build",
    ReleaseError: "release",
    RolloutError: "rollout",
    VerificationError: "verification",
    SupersededError: "superseded",
    StateError: "state",
}
_WRONG_BUT_SOUND = re.compile(r"answered (?!400)[1-4]\d\d\b|carries no proof|answers there, not")


def diagnose(error: PushliveError, context: Context) -> Diagnosis:
    """One cause, where it is, at most six lines that show it, and what to do.

    An error with a code knows its cause. For others the rules read the raw output and, where the site's own code
    failed, its logs. When none knows better, the exception that the site raised is the cause, or the error's own
    sentence. No value of `context.secrets` and no control character is in what is returned.
    """
    return _fit_to_show(_decided(error, context), error, context)


def _decided(error: PushliveError, context: Context) -> Diagnosis:
    if error.code or not _may_be_the_sites(error):  # a code says that the cause is known
        return _as_it_stands(error)
    symptoms = Symptoms.of(error, context, logs=isinstance(error, _RUNNING))
    known = next((found for rule in rules_for(error) if (found := rule(symptoms)) is not None), None)
    if known is None and error.remedy and not isinstance(error, _RUNNING):
        return _as_it_stands(error)  # whoever raised it knows more than its traceback says
    return known or _last_exception(symptoms) or _as_it_stands(error)


def _may_be_the_sites(error: PushliveError) -> bool:
    """There is something to read, and it is about what failed: a page without its text says nothing of the logs."""
    if isinstance(error, VerificationError):
        return not _WRONG_BUT_SOUND.search(error.cause)
    if error.code == "timeout":
        return False  # what was printed before the time was over is not why it was
    return bool(error.output) or isinstance(error, RolloutError)


def _last_exception(symptoms: Symptoms) -> Diagnosis | None:
    """Nothing is known but the exception itself."""
    if not symptoms.chain:
        return None
    place = f" in {symptoms.where}" if symptoms.where else ""
    return symptoms.found(
        "exception",
        f"the site's code fails: {symptoms.chain[-1].text}",
        remedy=f"Correct it{place}; `pushlive logs --failed` has the whole traceback.",
    )


def _as_it_stands(error: PushliveError) -> Diagnosis:
    code = error.code or next((code for kind, code in _CODES.items() if isinstance(error, kind)), "error")
    evidence = error.evidence or _end(error.output)
    return Diagnosis(code, error.cause, error.where, evidence, error.remedy)


def _end(output: str) -> tuple[str, ...]:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return tuple(lines[-MAX_EVIDENCE:])


def _fit_to_show(found: Diagnosis, error: PushliveError, context: Context) -> Diagnosis:
    clean = _Cleaner(context)
    stood = (
        () if found.cause == error.cause or not isinstance(error, RolloutError | VerificationError) else (error.cause,)
    )
    lines = dict.fromkeys(clean.line(line) for line in (*stood, *found.evidence))
    return Diagnosis(
        found.code,
        clean.sentence(found.cause),
        clean.line(found.where),
        tuple(line for line in lines if line)[:MAX_EVIDENCE],
        clean.sentence(found.remedy),
    )


class _Cleaner:
    """Redacts before it shortens: half a secret is still one."""

    def __init__(self, context: Context) -> None:
        self._redact = Redactor(context.secrets)
        self._roots = sorted(context.roots, key=len, reverse=True)

    def sentence(self, text: str) -> str:
        """A text on one line, its paths as seen from the site's tree."""
        text = self._redact(plain(text))
        for root in self._roots:
            text = text.replace(root.rstrip("/") + "/", "")
        return " ".join(text.split())

    def line(self, text: str) -> str:
        """The same, shortened."""
        text = self.sentence(text)
        return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"
