"""Push an image by pushlive's client alone: `python bench/image_push.py LAYOUT NAME`, for bench/image.py."""

import sys
from pathlib import Path

import msgspec

from pushlive.image.layout import Layout
from pushlive.model.image import Digest
from pushlive.registry import push
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository

folder, name = Path(sys.argv[1]), Reference.parse(sys.argv[2])
index = msgspec.json.decode((folder / "index.json").read_bytes())
digest = Digest.parse(index["manifests"][0]["digest"])
push.push(digest, Layout(folder), Repository(name), tags=(name.tag,))
