"""Put an image together: the site's own layer on top of the ones below, its configuration, its manifest, its tags."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pushlive.image import ignore, layer, tar
from pushlive.image.ignore import Reason, Rules
from pushlive.image.layout import TITLE, Layout, canonical
from pushlive.model.events import Note, Report, silent
from pushlive.model.image import CONFIG, MANIFEST, Descriptor, Image, ImageConfig, Layer
from pushlive.model.source import Revision

APP = "app"
"""Where the site's tree is in the image, without the slash in front."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


class App(Struct, frozen=True):
    """What the site's own layer is made of.

    `overlays` are folders by their place below /app (`staticfiles`): the files in them win over the tree's.
    """

    tree: Path
    revision: Revision
    rules: Rules
    overlays: Mapping[str, Path] = field(default_factory=dict)


def architecture() -> str:
    """Name this machine's architecture as Go and the image specification do."""
    return _ARCHITECTURES.get(os.uname().machine, os.uname().machine)


def build(
    app: App,
    *,
    below: Sequence[Layer],
    config: ImageConfig,
    layout: Layout,
    tags: Iterable[str] = (),
    report: Report = silent,
) -> Image:
    """Make the image of a revision; the same inputs give the same bytes, wherever the tree lies.

    `below` are the layers under the site's own, the lowest first; a base image's come before all others. The
    revision fills in `created` and the labels of org.opencontainers.image. Tags are set once all blobs are written:
    the revision and whatever `tags` adds. Raises BuildError for a tree that cannot be packed and MachineError when
    the disk is full. See image-spec, manifest.md and config.md.
    """
    layers = (*below, app_layer(app, layout, report))
    complete = _of_revision(config, app.revision)
    settings = layout.put(canonical(_config_document(complete, layers)), CONFIG)
    manifest = layout.put(canonical(_manifest_document(settings, layers, complete)), MANIFEST)
    layout.tag(manifest, (app.revision.sha, *tags))
    return Image(manifest.digest, layers, complete)


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
    every = (*members.values(), tar.Folder(APP))
    return layer.write(every, layout, title="app", mtime=int(app.revision.committed.timestamp()))


def _left_out(path: str, reason: Reason) -> str:
    again = f'To put it there all the same, write ignore = ["!{path}"] under [build].'
    if reason is Reason.DATABASE:
        return f"{path} is left out of the image: it is data. Name it in [data] paths to keep it. {again}"
    return f"{path} is left out of the image: it may hold secrets; set those by `pushlive env set`. {again}"


def _of_revision(config: ImageConfig, revision: Revision) -> ImageConfig:
    created = revision.committed.astimezone(UTC).replace(microsecond=0)
    labels = {
        "org.opencontainers.image.created": _time(created),
        "org.opencontainers.image.revision": revision.sha,
    }
    return replace(config, created=created, labels=dict(config.labels) | labels)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _config_document(config: ImageConfig, layers: Sequence[Layer]) -> dict[str, Any]:
    assert config.created is not None
    run = {
        "Entrypoint": list(config.entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(config.env.items())],
        "Labels": dict(config.labels),
        "StopSignal": "SIGTERM",
        "User": config.user,
        "WorkingDir": config.working_dir,
    }
    created = _time(config.created)
    return {
        "architecture": config.architecture,
        "config": run,
        "created": created,
        "history": [{"created": created, "created_by": f"pushlive: {layer.title}"} for layer in layers],
        "os": config.os,
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
    }


def _manifest_document(settings: Descriptor, layers: Sequence[Layer], config: ImageConfig) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": settings.json(),
        "layers": [
            Descriptor(layer.media_type, layer.digest, layer.size).json({TITLE: layer.title}) for layer in layers
        ],
        "annotations": {name: value for name, value in config.labels.items() if name.startswith("org.opencontainers.")},
    }
