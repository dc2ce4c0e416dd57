"""Which settings module the site runs with."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from pushlive.config.detect.code import Found, Sources, last_value
from pushlive.config.detect.files import parent

PRODUCTION = ("production", "prod", "prd", "live", "deploy", "deployment")
_DEVELOPMENT = r"^(.*_)?(dev|devel|develop|development|local|debug)$"
_DYNAMIC = ("globals()", "split_settings", "configurations")
"""Signs that a settings module takes its names from elsewhere, in a way that only running it would show."""


class Choice(Struct, frozen=True):
    """A settings module, its file (None when it is not in the tree), the folder it is imported from and why.

    `instead_of` is the development module that the repository names.
    """

    module: str
    path: str | None
    base: str | None
    origin: str
    instead_of: Found | None = None


def choose(sources: Sources, bases: tuple[str, ...], named: Sequence[Found]) -> Choice | None:
    """The first of `named` that holds settings, or the production module beside it if that one is for development."""
    found = [choice for name in named if (choice := _choice(sources, bases, name))]
    usable = [choice for choice in found if holds_settings(sources, choice.path, bases)]
    if not usable:
        return next(_inside(sources, bases, found), found[0] if found else None)
    first = _preferred(usable)
    return _production_beside(sources, bases, first) or first


def holds_settings(sources: Sources, path: str | None, bases: tuple[str, ...]) -> bool:
    """Whether the file, with what it star-imports, says where the URLs are; a file elsewhere is trusted to."""
    if path is None:
        return False
    chain = sources.chain(path, bases)
    return any(source.assigns("ROOT_URLCONF") or any(sign in source.text for sign in _DYNAMIC) for source in chain)


def value(sources: Sources, choice: Choice | None, bases: tuple[str, ...], name: str) -> Found | None:
    """The string that a setting has, as far as it stands in the source."""
    if choice is None or choice.path is None:
        return None
    return next(iter(last_value(sources.chain(choice.path, bases), name)), None)


def members(sources: Sources, choice: Choice | None, bases: tuple[str, ...], name: str) -> frozenset[str]:
    """The strings in every list that is assigned or added to a setting."""
    chain = sources.chain(choice.path, bases) if choice and choice.path else ()
    return frozenset(found.text for source in chain for found in source.members(name))


def _choice(sources: Sources, bases: tuple[str, ...], name: Found) -> Choice | None:
    found = sources.module_file(name.text, bases)
    return Choice(name.text, found[0], found[1], name.origin) if found else None


def _preferred(usable: Sequence[Choice]) -> Choice:
    """Of several that one place names (a choice by the platform's variable), the production one."""
    same_place = [choice for choice in usable if choice.origin.partition(":")[0] == usable[0].origin.partition(":")[0]]
    return next((choice for choice in same_place if _last(choice.module) in PRODUCTION), usable[0])


def _production_beside(sources: Sources, bases: tuple[str, ...], choice: Choice) -> Choice | None:
    development = re.match(_DEVELOPMENT, _last(choice.module))
    if not development:
        return None
    package, prefix = choice.module.rpartition(".")[0], development[1] or ""
    for name in PRODUCTION:
        module = ".".join(part for part in (package, prefix + name) if part)
        found = sources.module_file(module, bases)
        if found and holds_settings(sources, found[0], bases):
            return Choice(module, *found, found[0], Found(choice.module, choice.origin))
    return None


def _inside(sources: Sources, bases: tuple[str, ...], empty: Sequence[Choice]) -> Iterator[Choice]:
    """Modules with settings in a package that itself has none."""
    for choice in empty:
        if choice.path is None or not choice.path.endswith("/__init__.py"):
            continue
        names = [file.removesuffix(".py") for file in sources.files.names(parent(choice.path)) if file.endswith(".py")]
        for name in [*PRODUCTION, *names]:
            found = sources.module_file(f"{choice.module}.{name}", bases)
            if found and holds_settings(sources, found[0], bases):
                yield Choice(f"{choice.module}.{name}", *found, found[0], Found(choice.module, choice.origin))


def _last(module: str) -> str:
    return module.rpartition(".")[2]
