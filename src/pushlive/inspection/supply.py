"""Decide what to try next, from what the site answered to what was tried. Pure.

A value is found by its effect: it is kept only when the settings then came to what was wanted. Each decision either
ends the loop, or refuses a value, or adds one; there are finitely many, so it ends.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from pushlive.inspection import goals, missing
from pushlive.inspection.goals import GOALS, Goal, Policy
from pushlive.inspection.values import Failure, Job, Observation, Settings
from pushlive.model.release import SuppliedSetting

STAND_IN = "pushlive-stand-in"
"""What a name that can't be supplied is given while the settings are asked what else they lack. Never released."""

_UNREADABLE = {"SyntaxError", "IndentationError", "TabError"}
_WITHOUT_TABLES = {"OperationalError", "ProgrammingError"}
_STAND_INS = (STAND_IN, "1", f"https://{STAND_IN}.invalid/1", "{}")


class Trial(Struct, frozen=True):
    """What the site is asked with.

    `kept` are values that did what they were for, or that stood in for a missing name. `last` is the one under trial,
    for the goal of that name; it is in the place of `replaced`, and the settings were `before` without it.
    `stand_ins` are names that cannot be supplied. `folders` are made in the tree because log files are to lie there.
    `unchecked`: the system checks can't run before the database has its tables.
    """

    kept: tuple[SuppliedSetting, ...] = ()
    last: SuppliedSetting | None = None
    goal: str = ""
    before: Settings | None = None
    replaced: SuppliedSetting | None = None
    refused: frozenset[tuple[str, str]] = frozenset()
    stand_ins: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    remembered: bool = False
    unchecked: bool = False

    @property
    def supplied(self) -> tuple[SuppliedSetting, ...]:
        """Everything that is supplied in this trial."""
        return (*self.kept, self.last) if self.last else self.kept


class Again(Struct, frozen=True):
    """Ask once more, with this."""

    trial: Trial


class Settled(Struct, frozen=True):
    """The site runs with this."""

    trial: Trial


class Lacking(Struct, frozen=True):
    """The site needs names that nobody but the user can give."""

    names: tuple[str, ...]


class Broken(Struct, frozen=True):
    """The site's own code fails, whatever the environment."""

    failure: Failure


class Stumbled(Struct, frozen=True):
    """The site's own code fails because of what stands in for the values of `names`, which the user has set."""

    names: tuple[str, ...]
    failure: Failure


Decision = Again | Settled | Lacking | Broken | Stumbled


def begin(remembered: Sequence[SuppliedSetting], policy: Policy) -> Trial:
    """The first trial: what was supplied last time, where the user has not set it since."""
    if not policy.supply:
        return Trial()
    kept = tuple(setting for setting in remembered if setting.name not in policy.own)
    return Trial(kept=kept, remembered=bool(kept))


def decide(seen: Observation, trial: Trial, policy: Policy) -> Decision:
    """The next step after `seen`, which is what the site answered to `trial`."""
    if seen.failure is not None:
        return _after_failure(seen, seen.failure, trial, policy)
    settings = seen.settings or Settings()
    judged = _judge(seen, settings, trial, policy)
    useless = _without_effect(seen, judged)
    if useless is not None:
        return Again(_refuse(judged, useless))
    step = _next(seen, settings, judged, policy) if policy.supply else None
    if step is not None:
        return Again(step)
    if judged.stand_ins:
        return Lacking(tuple(judged.stand_ins))
    return Settled(_still_read(judged, seen)) if judged.supplied == trial.supplied else Again(judged)


def _judge(seen: Observation, settings: Settings, trial: Trial, policy: Policy) -> Trial:
    """Keep the value under trial when it did something for its goal and harmed nothing, else take it back."""
    if trial.last is None:
        return replace(trial, before=settings)
    goal = next(goal for goal in GOALS if goal.setting == trial.goal)
    before = trial.before
    if _helped(goal, trial.last, seen, before, policy):
        return replace(trial, kept=trial.supplied, last=None, replaced=None, before=settings)
    return _refuse(trial, trial.last)


def _helped(goal: Goal, value: SuppliedSetting, seen: Observation, before: Settings | None, policy: Policy) -> bool:
    settings = seen.settings or Settings()
    if goal is goals.SECRET_KEY:
        return goals.key_arrived(value.value, seen)
    if before is None:
        return True
    if goal is goals.HOSTS:
        return len(goals.allowed(settings, policy)) > len(goals.allowed(before, policy)) and not _harms(
            before, settings
        )
    return goal.is_met(settings, policy) and (goal is goals.DEBUG or not _harms(before, settings))


def _harms(before: Settings, after: Settings) -> bool:
    """A platform's variable that lets the host in may also send every page to HTTPS, or take the database away."""
    lost = any(each.is_none for each in after.databases) and not any(each.is_none for each in before.databases)
    return lost or (after.ssl_redirect and not before.ssl_redirect) or (after.debug and not before.debug)


def _without_effect(seen: Observation, trial: Trial) -> SuppliedSetting | None:
    """A key that was given because a name was missing, and that is not the SECRET_KEY after all."""
    keys = (each for each in trial.kept if each.secret and seen.read(each.name) is not None)
    return next((each for each in keys if not goals.key_arrived(each.value, seen)), None)


def _next(seen: Observation, settings: Settings, trial: Trial, policy: Policy) -> Trial | None:
    """The first value that has not been tried, for the first goal that is not met."""
    for goal in GOALS:
        if _is_done(goal, seen, settings, trial, policy):
            continue
        for value in goal.candidates(seen.reads, policy):
            if _is_new(value, trial) and not _does_its_best(value.name, goal, seen, settings, trial, policy):
                return _try(trial, value, goal)
    return None


def _does_its_best(name: str, goal: Goal, seen: Observation, settings: Settings, trial: Trial, policy: Policy) -> bool:
    """A variable that takes one host has been given the first of them, and lets it in."""
    if goal is not goals.HOSTS or not goals.allowed(settings, policy):
        return False
    read, given = seen.read(name), {each.name: each.value for each in trial.kept}
    return read is not None and given.get(name) in goal.wants(read, policy)


def _is_done(goal: Goal, seen: Observation, settings: Settings, trial: Trial, policy: Policy) -> bool:
    """A secret key from the environment is always given: a default in the repository is nobody's secret."""
    if goal is goals.SECRET_KEY:
        return goal.is_users(seen.reads, policy) or any(each.secret for each in trial.kept)
    return goal.is_met(settings, policy) or goal.is_users(seen.reads, policy)


def _is_new(value: SuppliedSetting, trial: Trial) -> bool:
    given = {each.name: each.value for each in trial.supplied}
    return (value.name, value.value) not in trial.refused and given.get(value.name) != value.value


def _try(trial: Trial, value: SuppliedSetting, goal: Goal) -> Trial:
    kept = tuple(each for each in trial.kept if each.name != value.name)
    replaced = next((each for each in trial.kept if each.name == value.name), None)
    return replace(trial, kept=kept, last=value, goal=goal.setting, replaced=replaced)


def _refuse(trial: Trial, value: SuppliedSetting) -> Trial:
    kept = tuple(each for each in trial.kept if each != value)
    back = (trial.replaced,) if value == trial.last and trial.replaced else ()
    refused = trial.refused | {(value.name, value.value)}
    return replace(trial, kept=(*kept, *back), last=None, goal="", replaced=None, refused=refused)


def _still_read(trial: Trial, seen: Observation) -> Trial:
    """What the settings no longer ask for is no longer supplied."""
    return replace(trial, kept=tuple(each for each in trial.kept if seen.read(each.name) is not None))


def _after_failure(seen: Observation, failure: Failure, trial: Trial, policy: Policy) -> Decision:
    shown = missing.shown(failure, seen.reads, policy.stood_in)
    if shown:
        return Stumbled(shown, failure)
    decided = _without(seen, failure, trial, policy)
    near = missing.read_at(failure, seen.reads, policy.stood_in)
    return Stumbled(near, failure) if isinstance(decided, Broken) and near else decided


def _without(seen: Observation, failure: Failure, trial: Trial, policy: Policy) -> Decision:
    """The next step where it is not the stand-in of something the user has set."""
    if _is_unreadable(failure):
        return Broken(failure)
    around = _around(failure, trial)
    if around is not None:
        return Again(around)
    names = missing.names(seen)
    was_fine = trial.before is not None and trial.goal != goals.DEBUG.setting
    if trial.last is not None and (was_fine or not names):
        return Again(_refuse(trial, trial.last))
    if names:
        return _fill(seen, names, trial, policy)
    step = _next(seen, seen.settings, trial, policy) if seen.settings is not None and policy.supply else None
    return Again(step) if step is not None else _give_up(seen, failure, trial)


def _is_unreadable(failure: Failure) -> bool:
    """A file is no Python, which no environment changes; a value that is evaluated has no file."""
    file = failure.where.rpartition(":")[0]
    return (
        failure.type in _UNREADABLE and file != "" and f'{file}", line ' in failure.traceback.rpartition("  File ")[2]
    )


def _around(failure: Failure, trial: Trial) -> Trial | None:
    """A way around: make the folder of a log file, which git did not carry; leave the checks out until migrated."""
    folder = _log_folder(failure)
    if folder and folder not in trial.folders:
        return replace(trial, folders=(*trial.folders, folder))
    if failure.phase == Job.CHECK and failure.type in _WITHOUT_TABLES and not trial.unchecked:
        return replace(trial, unchecked=True)
    return None


def _log_folder(failure: Failure) -> str:
    is_log = failure.message.startswith("Unable to configure handler")
    return failure.missing_file.rpartition("/")[0] if is_log else ""


def _fill(seen: Observation, names: Sequence[str], trial: Trial, policy: Policy) -> Decision:
    """Give the first of the missing names a value; a stand-in when there is none to give, to see what else lacks."""
    kept = replace(trial, kept=trial.supplied, last=None, replaced=None)
    for value, goal in _known(seen, names, policy):
        if _is_new(value, kept):
            return Again(replace(_try(kept, value, goal), before=None))
    name = names[0]
    tried = trial.stand_ins.get(name)
    left = _STAND_INS[_STAND_INS.index(tried) + 1 :] if tried else _STAND_INS
    if not left:
        return Lacking(tuple(trial.stand_ins))
    return Again(replace(kept, stand_ins={**trial.stand_ins, name: left[0]}))


def _known(seen: Observation, names: Sequence[str], policy: Policy) -> Iterator[tuple[SuppliedSetting, Goal]]:
    if not policy.supply:
        return
    for goal in GOALS:
        for value in goal.candidates([read for read in seen.reads if read.name in names], policy):
            yield value, goal


def _give_up(seen: Observation, failure: Failure, trial: Trial) -> Decision:
    """The settings may stumble over a stand-in, or over a value that suited them once."""
    if trial.stand_ins:
        return _other_stand_in(trial) or _after_all_stand_ins(seen, failure, trial)
    if trial.remembered and trial.kept:
        return Again(Trial(refused=trial.refused, folders=trial.folders))
    return Broken(failure)


def _other_stand_in(trial: Trial) -> Again | None:
    """The stand-in that was added last was not of the shape that is wanted there."""
    name, tried = next(reversed(trial.stand_ins.items()))
    left = _STAND_INS[_STAND_INS.index(tried) + 1 :]
    return Again(replace(trial, stand_ins={**trial.stand_ins, name: left[0]})) if left else None


def _after_all_stand_ins(seen: Observation, failure: Failure, trial: Trial) -> Decision:
    """What fails with each of them, and where none of them is read, is no matter of the environment."""
    if missing.is_about(failure, seen.reads, trial.stand_ins):
        return Lacking(tuple(trial.stand_ins))
    return Broken(failure)
