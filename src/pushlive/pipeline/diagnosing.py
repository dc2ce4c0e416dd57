"""An error becomes its one cause, and what was printed before it is kept: neither with a secret in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pushlive.config.site import Site
from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import MachineError, PushliveError, StateError
from pushlive.model.image import APP
from pushlive.model.source import Tree
from pushlive.pipeline.context import Context
from pushlive.system.files import write_atomic

if TYPE_CHECKING:
    from pushlive.diagnose import Context as DiagnosisContext

Known = Callable[[], "DiagnosisContext"]
"""What a diagnosis may know, put together when there is something to diagnose."""


@contextmanager
def diagnosing(context: Context, known: Known) -> Iterator[None]:
    """Turn an error inside the block into its diagnosis."""
    try:
        yield
    except PushliveError as error:
        raise explained(error, diagnosed(context, error, known)) from error


def diagnosed(context: Context, error: PushliveError, known: Known) -> Diagnosis:
    """The cause; all that was printed is kept beside it, without secrets, for `pushlive logs --failed`."""
    from pushlive.diagnose import Redactor, diagnose  # noqa: PLC0415  # only when something failed

    about = known()
    with suppress(MachineError, StateError):  # the cause is told even where nothing can be written
        kept = Redactor(about.secrets)(error.output or "\n".join(error.evidence))
        write_atomic(_failure_log(context), f"{kept}\n".encode(errors="replace"), mode=0o600)
    return diagnose(error, about)


def explained(error: PushliveError, found: Diagnosis) -> PushliveError:
    """An error that tells the diagnosis, of the class that gives the exit code."""
    classes: tuple[type[PushliveError], ...] = type(error).__mro__
    kind = next(each for each in classes if PushliveError in (each, *each.__bases__))
    return kind(
        found.cause,
        where=found.where,
        remedy=found.remedy,
        evidence=found.evidence,
        output=error.output,
        code=found.code,
    )


def failure(context: Context) -> list[str]:
    """What the last delivery or build that failed had printed; nothing when none has."""
    file = _failure_log(context)
    return file.read_text(errors="replace").splitlines() if file.exists() else []


def known_of(context: Context, tree: Tree | None = None, site: Site | None = None) -> "DiagnosisContext":
    """What a diagnosis may know: where the tree lies, which modules are the site's own, which words are secret."""
    roots = [APP, *(str(each / "root/app") for each in context.site.releases.glob("v*"))]
    from pushlive.diagnose import Context as DiagnosisContext  # noqa: PLC0415  # only when something failed

    return DiagnosisContext(
        roots=(*roots, str(tree.path)) if tree else tuple(roots),
        modules=frozenset(each.stem for each in tree.path.iterdir()) if tree else frozenset(),
        secrets=_secrets(context),
        requirements=next(iter(site.requirements.files), "requirements.txt") if site else "requirements.txt",
        host=context.record.hosts[0],
        python=site.python.specifier if site else "",
    )


def _secrets(context: Context) -> dict[str, str]:
    """What no text may show. Values that are lost may be just what failed, and nothing can show them."""
    try:
        return context.secrets.values()
    except StateError:
        return {}


def _failure_log(context: Context) -> Path:
    return context.site.logs / "failed.log"
