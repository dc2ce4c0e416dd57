"""What an image's configuration, manifest and index say (image-spec: config.md, manifest.md, image-index.md). Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from pushlive.image.base import Base
from pushlive.image.layout import TITLE
from pushlive.model.image import ANNOTATIONS, INDEX, MANIFEST, Descriptor, ImageConfig, Layer
from pushlive.model.source import Revision


def completed(config: ImageConfig, revision: Revision, base: Base | None) -> ImageConfig:
    """A configuration with what the revision and the base add to it: date, labels, platform, environment."""
    created = revision.committed.astimezone(UTC).replace(microsecond=0)
    labels = {f"{ANNOTATIONS}created": _time(created), f"{ANNOTATIONS}revision": revision.sha}
    if base is None:
        return replace(config, created=created, labels=config.labels | labels)
    labels |= {f"{ANNOTATIONS}base.name": base.name, f"{ANNOTATIONS}base.digest": str(base.digest)}
    return replace(
        config,
        created=created,
        labels=dict(base.inherited.get("Labels", {})) | config.labels | labels,
        env=base.env | config.env,
        architecture=base.platform.architecture,
        os=base.platform.os,
        variant=base.platform.variant,
    )


def config(config: ImageConfig, own: Sequence[Layer], base: Base | None) -> dict[str, Any]:
    """The configuration; `own` are the layers above the base's."""
    assert config.created is not None
    created = _time(config.created)
    layers = (*(base.layers if base else ()), *own)
    run = {
        **(base.inherited if base else {}),
        "Entrypoint": list(config.entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(config.env.items())],
        "Labels": dict(config.labels),
        "StopSignal": "SIGTERM",
        "User": config.user,
        "WorkingDir": config.working_dir,
    }
    history = [{"created": created, "created_by": f"pushlive: {layer.title}"} for layer in own]
    return {
        "architecture": config.architecture,
        **({"variant": config.variant} if config.variant else {}),
        "config": run,
        "created": created,
        "history": [*(base.history if base else ()), *history],
        "os": config.os,
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
    }


def manifest(settings: Descriptor, layers: Iterable[Layer], config: ImageConfig, base: Base | None) -> dict[str, Any]:
    """The manifest. Labels of the specification are annotations too, but those that only a base has."""
    theirs = base.inherited.get("Labels", {}) if base else {}
    ours = {name: value for name, value in config.labels.items() if theirs.get(name) != value}
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": settings.json(),
        "layers": [
            Descriptor(layer.media_type, layer.digest, layer.size).json({TITLE: layer.title}) for layer in layers
        ],
        "annotations": {name: value for name, value in ours.items() if name.startswith(ANNOTATIONS)},
    }


def index(images: Iterable[tuple[Descriptor, ImageConfig]]) -> dict[str, Any]:
    """The index of one revision's images, an image a platform, with the annotations that all of them have."""
    found = list(images)
    entries = [each.json() | {"platform": _platform(config)} for each, config in found]
    labels = set.intersection(*({*config.labels.items()} for _, config in found))
    annotations = {name: value for name, value in sorted(labels) if name.startswith(ANNOTATIONS)}
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}


def _platform(config: ImageConfig) -> dict[str, str]:
    variant = {"variant": config.variant} if config.variant else {}
    return {"architecture": config.architecture, "os": config.os} | variant


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
