"""An image for elsewhere: put together on a base image, for one platform or several."""

from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from pushlive import __version__
from pushlive.config import lock
from pushlive.config.site import Site
from pushlive.image import elsewhere, interpreter, libraries
from pushlive.image.base import Base
from pushlive.image.build import architecture, build_index
from pushlive.image.dependencies import needs
from pushlive.image.layout import Layout
from pushlive.image.survey import Interpreter
from pushlive.model.delivery import Stage
from pushlive.model.errors import BuildError
from pushlive.model.events import Note
from pushlive.model.image import INDEX, MANIFEST, Descriptor, Digest, Image, Platform
from pushlive.model.source import Tree
from pushlive.pipeline import bases, imaging
from pushlive.pipeline.context import Context
from pushlive.pipeline.imaging import Ground, Looked
from pushlive.pipeline.looking import ON_BASE
from pushlive.pipeline.parts import Parts, install_for
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Target
from pushlive.registry.reference import Reference
from pushlive.system.files import write_atomic

_NO_BYTECODE = (
    "Python {python} is not here and cannot be fetched: the packages come without bytecode, so that the image starts "
    "slower, and its digest is another than where it is"
)


class OnBase(Struct, frozen=True):
    """The image for one platform, and what went into it."""

    image: Image
    base: Base
    python: str
    packages: tuple[tuple[str, str], ...]


class Assembled(Struct, frozen=True):
    """An image on its base: `digest` names an index for several platforms. `locks` are files, with their sha256."""

    digest: Digest
    images: tuple[OnBase, ...]
    base: Reference
    locks: dict[str, str]

    @property
    def on(self) -> tuple[Base, ...]:
        """The bases of its images."""
        return tuple(each.base for each in self.images)


class Standing(Struct, frozen=True):
    """On what an image is to be put together: a base for each platform, and whatever else decides what comes of it."""

    base: Reference
    bases: tuple[bases.Standing, ...]
    key: str

    @property
    def on(self) -> tuple[Base, ...]:
        """The bases."""
        return tuple(each.base for each in self.bases)


def stand(context: Context, tree: Tree, site: Site, target: Target, clock: Stopwatch) -> Standing:
    """See that the packages and the bases are here; the bases come while the packages are installed.

    The site's turn is not needed. Raises PushliveError.
    """
    cache, account = context.home.cache, context.record.account
    python = interpreter.choose(site.python, cache=cache, account=account, report=clock.tell).interpreter
    coming = bases.Coming(context.home, *_bases_for(tree, site, python.minor, target))
    parts = imaging.dependencies(context, tree, site, clock)
    if parts.python.minor != python.minor:  # what the packages need is known once they are looked at
        coming = bases.Coming(context.home, *_bases_for(tree, site, parts.python.minor, target))
    with clock.run(Stage.BASE) as told:
        found = coming.wait(clock.tell)
        if target.base or site.file.build.base:  # the default is made for the Python that takes the place of the wish
            for each in found:
                elsewhere.require_python(site.python, each.facts, image=each.base.name)
        told(_said(coming.reference, found[0]))
    return _standing(context, parts, coming.reference, found)


def recall(context: Context, tree: Tree, standing: Standing) -> Assembled | None:
    """What was put together of this revision on these very grounds, if all of it is still here."""
    try:
        known = msgspec.json.decode(_record(context, tree, standing).read_bytes(), type=Assembled)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    layout = context.images
    if not (layout.has(known.digest) and all(map(layout.has, layout.used(known.digest)))):
        return None
    kind = INDEX if len(known.images) > 1 else MANIFEST
    _tag(layout, tree, Descriptor(kind, known.digest, len(layout.get(known.digest))))
    return known


def assemble(
    context: Context, tree: Tree, site: Site, looked: Looked, standing: Standing, clock: Stopwatch
) -> Assembled:
    """Put an image together on its base, for each platform. Hold the site's turn. Raises PushliveError."""
    with clock.run(Stage.BUILD) as told:
        images = tuple(_on(context, tree, site, looked, each, clock) for each in standing.bases)
        made = Assembled(_named(context, tree, images), images, standing.base, _locks(tree, site))
        platforms = " ".join(str(each.base.platform) for each in standing.bases)
        told(f"{made.digest.value[:19]}, {len(images[0].image.layers)} layers, {platforms}")
    write_atomic(_record(context, tree, standing), msgspec.json.encode(made))
    return made


def hold(layout: Layout, digest: Digest, folder: Path) -> None:
    """Keep an image's blobs below `folder` too, where no pruning finds them; links, not copies."""
    held = Layout(folder)
    for each in layout.used(digest):
        held.adopt(layout.require(each), each)


def _bases_for(tree: Tree, site: Site, minor: str, target: Target) -> tuple[Reference, tuple[Platform, ...], bool]:
    wanted = bases.wanted(site, tree.path, minor, target.base)
    return wanted, target.platforms or (Platform("linux", architecture()),), target.insecure_for(wanted)


def _standing(context: Context, parts: Parts, wanted: Reference, found: tuple[bases.Standing, ...]) -> Standing:
    decisive = (__version__, bases.name_of(wanted), parts.packages.key, parts.server.key, context.secrets.current)
    digests = (str(each.base.digest) for each in found)
    return Standing(wanted, found, sha256("\n".join((*decisive, *digests)).encode()).hexdigest()[:32])


def _record(context: Context, tree: Tree, standing: Standing) -> Path:
    """What was put together of a revision on these grounds is noted there."""
    return context.site.assembled / f"{tree.revision.sha}-{standing.key}.json"


def _locks(tree: Tree, site: Site) -> dict[str, str]:
    """The files that say what goes into the image, with their sha256."""
    names = (*site.requirements.files, "pushlive.toml", site.file.build.lock or lock.FILE)
    files = {name: tree.path / name for name in names}
    return {name: sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()}


def _on(context: Context, tree: Tree, site: Site, looked: Looked, standing: bases.Standing, clock: Stopwatch) -> OnBase:
    """The image on one base: with our layers for its Python."""
    parts = looked.parts
    here = parts.python
    if here.minor != standing.facts.version:
        here = _of_minor(context, standing.facts.version, clock) or here
    python = elsewhere.on_base(here, standing.facts, standing.base.platform)
    if python is not parts.python:
        parts = install_for(python, context, tree, site, clock.tell)
        if not python.compiles:
            clock.tell(Note(_NO_BYTECODE.format(python=python.minor), warning=True))
    facts = standing.facts
    libraries.require(needs(parts.packages), facts.libraries, image=standing.base.name, libc=facts.libc)
    _adopt(context, standing)
    ground = Ground((parts.packages.layer, parts.server.layer), python, standing.base, standing.facts.python)
    image = imaging.build(context, tree, site, looked.found, ground, clock.tell)
    return OnBase(image, standing.base, python.minor, (*parts.packages.packages, *parts.server.packages))


def _of_minor(context: Context, minor: str, clock: Stopwatch) -> Interpreter | None:
    account = context.record.account
    return interpreter.of_minor(minor, cache=context.home.cache, account=account, report=clock.tell)


def takes(parts: Parts, standing: bases.Standing) -> bool:
    """The packages as they are installed for this machine go on that base."""
    try:
        return elsewhere.on_base(parts.python, standing.facts, standing.base.platform) is parts.python
    except BuildError:
        return False


def _adopt(context: Context, standing: bases.Standing) -> None:
    kept = bases.store(context.home)
    for each in standing.base.layers:
        context.images.adopt(kept.require(each.digest), each.digest)


def _named(context: Context, tree: Tree, made: tuple[OnBase, ...]) -> Digest:
    """The image, or the index of all; tagged apart from the images that this machine runs."""
    digests = [each.image.digest for each in made]
    layout = context.images
    found = Descriptor(MANIFEST, digests[0], len(layout.get(digests[0])))
    if len(made) > 1:
        found = build_index([each.image for each in made], layout=layout)
    _tag(layout, tree, found)
    return found.digest


def _tag(layout: Layout, tree: Tree, made: Descriptor) -> None:
    names = (f"{tree.revision.sha}{ON_BASE}", f"latest{ON_BASE}")
    known = layout.tags()
    if any(known.get(name) != made.digest for name in names):
        layout.tag(made, names)


def _said(wanted: Reference, standing: bases.Standing) -> str:
    facts = standing.facts
    told = (f"Python {facts.version}", f"{facts.libc} {facts.libc_version}", facts.system)
    return f"{bases.name_of(wanted)}: {', '.join(filter(None, told))}"
