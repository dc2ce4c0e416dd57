"""Whether a push starts a delivery, and why. Pure."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from pushlive.config.schema import TriggerSection
from pushlive.model.errors import SettingsError
from pushlive.model.source import Push
from pushlive.trigger.path_filter import BadPatternError, alternatives, matches, matching

SKIP_MARKS = ("[skip ci]", "[ci skip]")
"""In the message of the commit a push ends on, in any case, they skip its delivery."""

_SHOWN = 3


class Outcome(StrEnum):
    """What a push leads to."""

    DELIVER = "deliver"
    RUN = "run"
    """Only triggers with `run` apply: their commands run, nothing is delivered."""
    IGNORED = "ignored"
    """A trigger is there for the ref, and its filter leaves no changed file that counts."""
    SKIPPED = "skipped"
    """The tip's message says so."""
    UNMATCHED = "unmatched"
    """No trigger is there for the ref."""


class Decision(Struct, frozen=True):
    """An outcome, the reason in words, and what applies.

    `commands` are the argument lists of every `run` trigger that applies, beside a delivery too.
    """

    outcome: Outcome
    reason: str
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def delivers(self) -> bool:
        """A delivery is to start."""
        return self.outcome is Outcome.DELIVER


class _Verdict(Struct, frozen=True):
    applies: bool
    reason: str


def decide(
    push: Push,
    *,
    changed: Sequence[str] | None,
    message: str,
    triggers: Sequence[TriggerSection],
    default_branch: str,
) -> Decision:
    """What a `push` that deletes nothing leads to.

    `changed` are paths from the top, None when every file counts as changed (a new branch). `message` is that of the
    commit the push ends on. Raises SettingsError for a pattern that cannot be read, whether or not this push would
    need it.
    """
    check(triggers)
    candidates = [each for each in triggers or (TriggerSection(),) if _is_for(each, push, default_branch)]
    if not candidates:
        return Decision(Outcome.UNMATCHED, _unmatched(push, triggers, default_branch))
    mark = next((mark for mark in SKIP_MARKS if mark in message.lower()), None)
    if mark:
        return Decision(Outcome.SKIPPED, f"the commit message has {mark}")
    return _filtered(push, changed, candidates)


def check(triggers: Sequence[TriggerSection]) -> None:
    """Raise SettingsError at the first pattern that cannot be read."""
    for path, pattern in _patterns(triggers):
        try:
            alternatives(pattern)
        except BadPatternError as error:
            raise SettingsError(
                f"{path}: {error}",
                where="pushlive.toml",
                remedy='Close every { and [, or write \\ before one that is meant as itself ("\\\\{" in TOML).',
            ) from error


def _patterns(triggers: Sequence[TriggerSection]) -> Iterator[tuple[str, str]]:
    for index, trigger in enumerate(triggers):
        for key in ("branch", "tag"):
            if (pattern := getattr(trigger, key)) is not None:
                yield f"trigger[{index}].{key}", pattern
        for key in ("include", "ignore"):
            yield from ((f"trigger[{index}].{key}[{at}]", pattern) for at, pattern in enumerate(getattr(trigger, key)))


def _is_for(trigger: TriggerSection, push: Push, default_branch: str) -> bool:
    """A trigger that names neither branch nor tag is for the default branch."""
    if trigger.branch is None and trigger.tag is None:
        return push.branch == default_branch
    by_branch = push.branch is not None and trigger.branch is not None and matches(push.branch, trigger.branch)
    return by_branch or (push.tag is not None and trigger.tag is not None and matches(push.tag, trigger.tag))


def _filtered(push: Push, changed: Sequence[str] | None, candidates: Sequence[TriggerSection]) -> Decision:
    verdicts = [(trigger, _judge(trigger, push, changed)) for trigger in candidates]
    applying = [(trigger, verdict.reason) for trigger, verdict in verdicts if verdict.applies]
    commands = tuple(trigger.run for trigger, _ in applying if trigger.run is not None)
    for trigger, reason in applying:
        if trigger.run is None:
            return Decision(Outcome.DELIVER, reason, commands)
    if commands:
        return Decision(Outcome.RUN, applying[0][1], commands)
    return Decision(Outcome.IGNORED, verdicts[0][1].reason)


def _judge(trigger: TriggerSection, push: Push, changed: Sequence[str] | None) -> _Verdict:
    if not trigger.include and not trigger.ignore:
        return _Verdict(applies=True, reason=f"{_named(push)} has a trigger for every push")
    if changed is None:
        return _Verdict(applies=True, reason=f"{_named(push)} is new, so every file counts as changed")
    if not changed:
        return _Verdict(applies=False, reason="no file changed")
    ignored = set(matching(changed, trigger.ignore))
    left = [path for path in changed if path not in ignored]
    if not left:
        return _Verdict(applies=False, reason=f"{_all_of(len(changed))} {_listed(trigger.ignore)}")
    if not trigger.include:
        return _Verdict(applies=True, reason=_counting(left, changed))
    return _included(trigger.include, left, changed)


def _included(include: Sequence[str], left: Sequence[str], changed: Sequence[str]) -> _Verdict:
    found = matching(left, include)
    if found:
        return _Verdict(applies=True, reason=_counting(found, changed))
    ignored = f", {len(changed) - len(left)} ignored" if len(changed) > len(left) else ""
    return _Verdict(applies=False, reason=f"none of {_files(len(changed))} matches {_listed(include)}{ignored}")


def _unmatched(push: Push, triggers: Sequence[TriggerSection], default_branch: str) -> str:
    if push.branch is None and push.tag is None:
        return f"{push.ref} is neither a branch nor a tag"
    if triggers:
        return f"no trigger is for {_named(push)}"
    return f"{_named(push)} is not {default_branch}, and pushlive.toml has no [[trigger]] for it"


def _named(push: Push) -> str:
    if push.branch is not None:
        return f"branch {push.branch}"
    return f"tag {push.tag}" if push.tag is not None else push.ref


def _counting(counted: Sequence[str], changed: Sequence[str]) -> str:
    names = ", ".join(counted[:_SHOWN]) + (", ..." if len(counted) > _SHOWN else "")
    return f"{len(counted)} of {_files(len(changed))} {'counts' if len(counted) == 1 else 'count'}: {names}"


def _files(number: int) -> str:
    return f"{number} changed file{'' if number == 1 else 's'}"


def _all_of(number: int) -> str:
    return "the one changed file matches" if number == 1 else f"all {number} changed files match"


def _listed(patterns: Sequence[str]) -> str:
    return " or ".join(patterns)
