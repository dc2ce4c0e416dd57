"""Bases that no build stands on any more make room."""

import json
import os
import time

import msgspec

from pushlive.image.base_facts import Facts
from pushlive.model.home import Home
from pushlive.model.image import CONFIG, INDEX, MANIFEST, Descriptor
from pushlive.pipeline import bases

DAY = 86400.0


def keep(home, content, *, days):
    """A base in the store that was last stood on `days` ago: its index, its image, its layer."""
    layout = bases.store(home)
    layer = layout.put(content, "layer")
    config = layout.put(b"{}" + content, CONFIG)
    image = layout.put(json.dumps({"config": config.json(), "layers": [layer.json()]}).encode(), MANIFEST)
    elsewhere = Descriptor(MANIFEST, layer.digest.parse(f"sha256:{'0' * 64}"), 1)
    index = layout.put(json.dumps({"manifests": [image.json(), elsewhere.json()]}).encode(), INDEX)
    record = bases._Record(index.digest, Facts("/usr/bin/python3.13", "3.13", "glibc", "2.36"))
    file = layout.path / "facts" / f"{image.digest.hex}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.encode(record))
    then = time.time() - days * DAY
    os.utime(file, (then, then))
    return [each.digest for each in (layer, config, image, index)]


def test_what_is_not_used_goes_and_what_is_used_stays_whole(tmp_path):
    home = Home(tmp_path)
    old, new = keep(home, b"old", days=31), keep(home, b"new", days=1)
    bases.forget(home, unused_for=30 * DAY, now=time.time())
    layout = bases.store(home)
    assert not any(layout.has(each) for each in old)
    assert all(layout.has(each) for each in new)


def test_nothing_goes_while_a_base_is_fetched(tmp_path):
    home = Home(tmp_path)
    old = keep(home, b"old", days=31)
    with bases._in_use(home):
        bases.forget(home, unused_for=30 * DAY, now=time.time())
    assert all(bases.store(home).has(each) for each in old)


def test_a_machine_without_bases_has_none_to_forget(tmp_path):
    bases.forget(Home(tmp_path), unused_for=DAY, now=time.time())


def test_a_damaged_record_keeps_nobody_from_forgetting(tmp_path):
    home = Home(tmp_path)
    new = keep(home, b"new", days=1)
    damaged = bases.store(home).path / "facts" / f"{'1' * 64}.json"
    damaged.write_text("{")
    bases.forget(home, unused_for=30 * DAY, now=time.time())
    assert not damaged.exists()
    assert all(bases.store(home).has(each) for each in new)
