"""What a push would do, found out without changing anything."""

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from pushlive import source
from pushlive.config.site import Site
from pushlive.model.delivery import Stage
from pushlive.model.errors import ReleaseError
from pushlive.model.release import Release
from pushlive.model.source import ZERO, Push
from pushlive.pipeline.context import Context
from pushlive.pipeline.push import Considered, consider
from pushlive.pipeline.scratch import scratch
from pushlive.release import Parts, Stored, cut


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
        differences=_differences(context, live, found.site),
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
    return tuple(f"{stage.value:13} {detail}" for stage, detail in details.items())


def _differences(context: Context, live: Release | None, site: Site) -> tuple[str, ...]:
    """What the site file would change in the live release, as far as it can be said without a build."""
    if live is None:
        return ()
    store = context.secrets
    try:
        return differences(live, _coming(live, site, Stored(store.current, frozenset(store.names()))))
    except ReleaseError as error:
        return (f"the release would be refused: {error}",)


def _coming(live: Release, site: Site, stored: Stored) -> Release:
    """The live release under another site file; what a build finds out is taken to be as it was."""
    parts = Parts(
        revision=live.revision,
        image=live.image,
        created=live.created,
        server=site.app.interface.value,
        host=live.host,
        python=live.python,
        command=live.command if site.release_command is None else site.release_command,
        data=live.data,
        supplied=live.supplied,
        memcached=live.cache is not None,
        cache_variables=live.cache.variables if live.cache else (),
    )
    return cut(parts, site.file, stored)


def differences(before: Release, after: Release) -> tuple[str, ...]:
    """What differs between the settings of two releases, by the names of the site file. Pure."""
    old, new = _settings(before), _settings(after)
    names = (name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name))
    return tuple(f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}" for name in names)


_FIELDS = {
    "server": "app",
    "replicas": "run.replicas",
    "start_timeout": "run.start_timeout",
    "warm": "run.warm",
    "command": "release.command",
    "data": "data.paths",
    "verify_path": "verify.path",
    "verify_status": "verify.status",
    "verify_contains": "verify.contains",
    "verify_timeout": "verify.timeout",
}
_VARIABLES = {"PUSHLIVE_THREADS": "run.threads", "PUSHLIVE_STOP_TIMEOUT": "run.stop_timeout"}


def _settings(release: Release) -> dict[str, object]:
    cache = asdict(release.cache) if release.cache else {}
    return {
        **{name: getattr(release, field) for field, name in _FIELDS.items()},
        **{_VARIABLES.get(name, f"run.env.{name}"): value for name, value in release.env.items()},
        **{f"cache.{name}": value for name, value in cache.items() if name != "variables"},
    }


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing"
    return "nothing" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)
