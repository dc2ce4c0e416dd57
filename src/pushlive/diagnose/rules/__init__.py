"""What is known to go wrong, a file for each field. The first rule that knows the symptoms decides."""

from pushlive.diagnose.rule import Decide
from pushlive.diagnose.rules import (
    boot,
    building,
    cache,
    database,
    dependencies,
    imports,
    machine,
    migrations,
    pages,
    settings,
    static,
)
from pushlive.model.errors import MachineError, PackagesError, PushliveError

_RUNNING: tuple[Decide, ...] = (
    *settings.RULES,
    *imports.RULES,
    *migrations.RULES,
    *database.RULES,
    *cache.RULES,
    *static.RULES,
    *pages.RULES,
    *boot.RULES,
)


def rules_for(error: PushliveError) -> tuple[Decide, ...]:
    """The rules, from the specific to the general; what uv prints is looked for only where it was asked."""
    if isinstance(error, PackagesError | MachineError):
        return (*machine.RULES, *dependencies.RULES, *building.RULES)
    return (*machine.RULES, *_RUNNING)
