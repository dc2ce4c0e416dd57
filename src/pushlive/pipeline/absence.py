"""Why an image does not have a path: asked of the image, of the revision it was made of, of the user's own folder."""

import os
import posixpath
from pathlib import Path

from msgspec import Struct

from pushlive import source
from pushlive.config.read import read as read_site_file
from pushlive.image import missing
from pushlive.image.build import APP
from pushlive.image.contents import Contents
from pushlive.image.ignore import Reason, Rules
from pushlive.image.missing import LeftOut
from pushlive.model.errors import PushliveError, UsageError
from pushlive.model.source import Revision
from pushlive.pipeline.context import Context
from pushlive.pipeline.looking import Chosen
from pushlive.pipeline.scratch import scratch
from pushlive.source import Checkout

_KINDS = {
    Reason.IGNORED: "is ignored",
    Reason.LOCAL: "never goes into an image: it belongs to the machine that made it",
    Reason.SECRET: "stays out of images: it may hold secrets",
    Reason.DATABASE: "stays out of images: it is data",
}
_REMEDIES = {
    Reason.IGNORED: "Change that line, or:",
    Reason.LOCAL: "",
    Reason.SECRET: "Set secrets by `pushlive env set`. All the same:",
    Reason.DATABASE: "Name it in [data] paths to keep it. All the same:",
}
_NO_SUBMODULES = "Commit the files themselves, or install them as a package."


def absent(context: Context, chosen: Chosen, tree: Contents, path: str, work: Path | None) -> UsageError:
    """The error for a path that is not in the image: what is near, and if its revision has it, what kept it out.

    `path` begins with a slash; `work` is the repository that the user is in.
    """
    reason = _reason(context, chosen, path, work)
    near, similar = missing.nearest(tree, path), missing.similar(tree, path)
    return UsageError(
        f"{path} is not in the image of {chosen.name}",
        where=f"the nearest folder there is {near}",
        evidence=[*reason.evidence, *(f"there is {each}" for each in similar)],
        remedy=reason.remedy or f"`pushlive image ls {near}{chosen.option}` lists what is there.",
    )


class _Reason(Struct, frozen=True):
    evidence: tuple[str, ...] = ()
    remedy: str = ""


def _reason(context: Context, chosen: Chosen, path: str, work: Path | None) -> _Reason:
    wanted = posixpath.normpath(path).removeprefix(f"/{APP}/")
    if wanted.startswith("/") or not chosen.revision:
        return _Reason()
    try:
        revision = source.revision(context.site.repository, chosen.revision)
        with scratch(context.site) as folder:
            taken = source.checkout(context.site.repository, revision, folder / "tree")
            return _of_tree(taken, wanted, _rules(chosen, taken.tree.path)) or _of_work(work, wanted, revision)
    except PushliveError as error:
        return _Reason((f"its revision {chosen.revision[:7]} cannot be asked: {error.cause}",))


def _rules(chosen: Chosen, tree: Path) -> Rules:
    site = read_site_file(tree)
    detected = chosen.release.data if chosen.release else ()
    return Rules.of(tree, ignore=site.build.ignore, seeds=site.data.paths if site.data.paths is not None else detected)


def _of_tree(taken: Checkout, path: str, rules: Rules) -> _Reason | None:
    """What the revision says of the path; None when it does not have it."""
    tree, has = taken.tree, f"{taken.tree.revision.short} has {path}, but"
    if found := missing.left_out(tree.path, path, rules):
        return _Reason((f"{has} {_why(found)}",), _remedy(found))
    module = next((each for each in taken.submodules if f"{path}/".startswith(f"{each}/")), None)
    if module:
        return _Reason((f"{module} is a git submodule, whose files do not come with a push",), _NO_SUBMODULES)
    if os.path.lexists(tree.path / path):
        return _Reason((f"{has} the image was made without it",), "`pushlive deliver` builds it anew.")
    return None


def _of_work(work: Path | None, path: str, revision: Revision) -> _Reason:
    absent = f"{revision.short} has no {path}"
    if work is None or not os.path.lexists(work / path) or not _knows(work, revision):
        return _Reason((absent,))
    remedy = f"`git add --force {path}`, commit and push; `git check-ignore -v {path}` says whether git ignores it."
    return _Reason((f"{absent}; {work} has it, so it was committed later or never",), remedy)


def _knows(work: Path, revision: Revision) -> bool:
    """It is a clone of the same site. Another user's is not asked: git would do what its owner wrote into it."""
    try:
        return work.stat().st_uid == os.geteuid() and source.revision(work / ".git", revision.sha) == revision
    except PushliveError:
        return False


def _why(found: LeftOut) -> str:
    if found.line:
        return f"it stays out of the image by {found.line}"
    return f"{found.path} {_KINDS[found.reason]}"


def _remedy(found: LeftOut) -> str:
    again = f'ignore = ["!{found.path}"] under [build] lets it in; commit and push.'
    return " ".join(filter(None, (_REMEDIES[found.reason], again)))
