"""Put an image together: the site's own layer on top of the ones below, its configuration, its manifest, its tags."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from pushlive.image import documents, ignore, layer, modules, tar
from pushlive.image.base import Base
from pushlive.image.ignore import Reason, Rules
from pushlive.image.layout import Layout, canonical
from pushlive.image.modules import Compiler
from pushlive.model.events import Note, Report, silent
from pushlive.model.image import CONFIG, INDEX, MANIFEST, Descriptor, Image, ImageConfig, Layer
from pushlive.model.source import Revision

APP = "app"
"""Where the site's tree is in the image, without the slash in front."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


class App(Struct, frozen=True):
    """What the site's own layer is made of.

    `overlays` are folders by their place below /app (`staticfiles`): the files in them win over the tree's. Without a
    `compiler` its modules have no bytecode.
    """

    tree: Path
    revision: Revision
    rules: Rules
    overlays: Mapping[str, Path] = field(default_factory=dict)
    compiler: Compiler | None = None


def architecture() -> str:
    """Name this machine's architecture as Go and the image specification do."""
    return _ARCHITECTURES.get(os.uname().machine, os.uname().machine)


def build(
    app: App,
    *,
    below: Sequence[Layer],
    config: ImageConfig,
    layout: Layout,
    base: Base | None = None,
    tags: Iterable[str] = (),
    report: Report = silent,
) -> Image:
    """Make the image of a revision; the same inputs give the same bytes, wherever the tree lies.

    `below` are the layers under the site's own, the lowest first; those of `base` come before all others. The
    revision fills in `created` and the labels of org.opencontainers.image. The `tags` are set once all blobs are
    written. Raises BuildError for a tree that cannot be packed and MachineError when the disk is full. See image-spec,
    manifest.md and config.md.
    """
    own = (*below, app_layer(app, layout, report))
    complete = documents.completed(config, app.revision, base)
    settings = layout.put(canonical(documents.config(complete, own, base)), CONFIG)
    layers = (*(base.layers if base else ()), *own)
    manifest = layout.put(canonical(documents.manifest(settings, layers, complete, base)), MANIFEST)
    layout.tag(manifest, tags)
    return Image(manifest.digest, layers, complete)


def build_index(images: Sequence[Image], *, layout: Layout) -> Descriptor:
    """Make the index of the images of one revision for several platforms."""
    entries = [(Descriptor(MANIFEST, each.digest, len(layout.get(each.digest))), each.config) for each in images]
    return layout.put(canonical(documents.index(entries)), INDEX)


def app_layer(app: App, layout: Layout, report: Report = silent) -> Layer:
    """The site's own layer. Files bear the time of the commit.

    A fixed time would let a browser keep an old /static/app.css of the same size: servers compare times.
    """
    selection = ignore.select(app.tree, APP, app.rules)
    for path, reason in sorted(selection.left_out.items()):
        report(Note(_left_out(path, reason)))
    members = {member.name: member for member in selection.members}
    for place, folder in app.overlays.items():
        members.update((member.name, member) for member in tar.entries(folder, f"{APP}/{place}"))
    if app.compiler:
        members.update((member.name, member) for member in list(modules.compiled(members.values(), app.compiler)))
    every = (*members.values(), tar.Folder(APP))
    return layer.write(every, layout, title="app", mtime=int(app.revision.committed.timestamp()))


def _left_out(path: str, reason: Reason) -> str:
    again = f'To put it there all the same, write ignore = ["!{path}"] under [build].'
    if reason is Reason.DATABASE:
        return f"{path} is left out of the image: it is data. Name it in [data] paths to keep it. {again}"
    return f"{path} is left out of the image: it may hold secrets; set those by `pushlive env set`. {again}"
