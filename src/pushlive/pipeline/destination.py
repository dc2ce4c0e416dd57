"""Where an image is to go when a target of the site file is named: below that target's registry, called as the site."""

from msgspec.structs import replace

from pushlive.config.schema import SiteFile
from pushlive.config.site import FILE
from pushlive.model.errors import SettingsError, UsageError
from pushlive.pipeline.target import Target
from pushlive.registry.reference import Reference


def addressed(target: Target, file: SiteFile, site: str) -> Target:
    """The same with the repository that its named target means; `site` is the name of one that gives itself none.

    Raises UsageError for a target that is not there or has no registry, SettingsError for a registry that is none.
    """
    if not target.named:
        return target
    section = file.target.get(target.named)
    if section is None:
        raise _unknown(target.named, file)
    if not section.registry:
        raise UsageError(
            f"the target {target.named} has no registry",
            where=f"{FILE}, [target.{target.named}]",
            remedy='Write registry = "ghcr.io/me" there, commit and push, or say where to with --push NAME.',
        )
    return replace(target, to=_repository(section.registry, file.site.name or site, target.named))


def _repository(registry: str, site: str, named: str) -> Reference:
    where = f"{FILE}, [target.{named}] registry"
    remedy = (
        'Write a host and the folder below it, as in registry = "ghcr.io/me"; the name of the site is put behind it.'
    )
    scheme, slashes, rest = registry.partition("://")
    if slashes:
        raise SettingsError(
            f"{registry!r} is an address, and no registry", where=where, remedy=f"Leave {scheme}:// out: {rest}"
        )
    try:
        return Reference.parse(f"{registry.rstrip('/')}/{site}")
    except UsageError as error:
        raise SettingsError(error.cause, where=where, remedy=remedy) from error


def _unknown(named: str, file: SiteFile) -> UsageError:
    known = ", ".join(sorted(file.target))
    return UsageError(
        f"there is no target {named} in the site file of this revision",
        where=FILE,
        evidence=[f"its targets: {known}"] if known else ["it has no [target.NAME]"],
        remedy=f"Write [target.{named}] with a registry, commit and push, or name another.",
    )
