"""What a push would do, found out without changing anything."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from pushlive import source
from pushlive.model.delivery import Stage
from pushlive.model.release import Release
from pushlive.model.source import ZERO, Push
from pushlive.pipeline.context import Context
from pushlive.pipeline.push import Considered, consider
from pushlive.pipeline.scratch import scratch


class Plan(Struct, frozen=True):
    """What a push of `revision` to the site's branch would do."""

    revision: str
    subject: str
    live: str
    changed: tuple[str, ...] | None
    delivers: bool
    reason: str
    stages: tuple[str, ...]
    supplied: tuple[tuple[str, str], ...]
    differences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "revision": self.revision,
            "live": self.live,
            "changed": None if self.changed is None else list(self.changed),
            "delivers": self.delivers,
            "reason": self.reason,
            "stages": list(self.stages),
            "supplied": dict(self.supplied),
            "differences": list(self.differences),
        }

    def lines(self) -> list[str]:
        """The plan for people."""
        changed = ["every file (nothing was pushed before)"] if self.changed is None else list(self.changed)
        more = [f"  ... and {len(changed) - 20} more"] if len(changed) > 20 else []  # noqa: PLR2004
        return [
            f"{self.revision[:7]} {self.subject}",
            f"live: {self.live[:7] or 'nothing yet'}",
            f"\nchanged: {len(changed)}",
            *(f"  {path}" for path in changed[:20]),
            *more,
            f"\n{'delivers' if self.delivers else 'delivers nothing'}: {self.reason}",
            *(f"  {stage}" for stage in self.stages),
            *(["\nsupplied settings:"] if self.supplied else []),
            *(f"  {name}: {reason}" for name, reason in self.supplied),
            *(["\ndifferences from the live release:"] if self.differences else []),
            *(f"  {each}" for each in self.differences),
        ]


def plan(context: Context, folder: Path, revision: str) -> Plan:
    """Say what a push of `revision`, from the repository in `folder` or pushed before, would do.

    The commit's objects are fetched into the site's repository, where no ref shows them. Raises SourceError for a
    revision that is nowhere.
    """
    repository = context.site.repository
    sha = source.bring(folder, repository, revision)
    ref = f"refs/heads/{context.record.branch}"
    push = Push(old=source.tip(repository, ref) or ZERO, new=sha, ref=ref)
    with scratch(context.site) as folder_of_ours:
        found = consider(context, push, folder_of_ours / "tree")
    assert found is not None
    with context.history as history:
        live = history.live()
    return Plan(
        revision=found.revision.sha,
        subject=found.revision.subject,
        live=live.revision if live else "",
        changed=found.changed,
        delivers=found.decision.delivers,
        reason=found.decision.reason,
        stages=_stages(found) if found.decision.delivers else (),
        supplied=tuple((one.name, one.reason) for one in live.supplied) if live else (),
        differences=_differences(live, found),
    )


def _stages(found: Considered) -> tuple[str, ...]:
    site = found.site
    command = site.release_command
    details = {
        Stage.RESOLVE: f"{site.app.callable} ({site.app.interface.value})",
        Stage.DEPENDENCIES: f"{site.requirements.kind.value} with Python {site.python.specifier or 'of this machine'}",
        Stage.INSPECT: "settings, static files, checks",
        Stage.BUILD: "; ".join(site.build_commands) or "no build command",
        Stage.RELEASE: command or ("nothing" if command == "" else "migrate, if there is a database"),
        Stage.ROLLOUT: f"{site.file.run.replicas} replicas",
        Stage.VERIFY: f"{site.file.verify.path} answers {site.file.verify.status or 'without an error'}",
    }
    return tuple(f"{stage.value:13} {details[stage]}" for stage in Stage)


def _differences(live: Release | None, found: Considered) -> tuple[str, ...]:
    """What the site file would change in the live release, as far as it can be said without a build."""
    if live is None:
        return ()
    file = found.site.file
    pairs = (
        ("run.replicas", live.replicas, file.run.replicas),
        ("verify.path", live.verify_path, file.verify.path),
        ("verify.status", live.verify_status, file.verify.status),
        ("verify.contains", live.verify_contains, file.verify.contains),
        *((f"run.env.{name}", live.env.get(name), value) for name, value in file.run.env.items()),
    )
    return tuple(f"{name}: {old} -> {new}" for name, old, new in pairs if old != new)
