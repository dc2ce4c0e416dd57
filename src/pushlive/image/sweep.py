"""Remove from the machine's cache what nobody asks for any more."""

import json
from pathlib import Path

from pushlive.image.installer import builds, whose
from pushlive.image.layout import Layout
from pushlive.model.image import Digest
from pushlive.system.files import remove_tree
from pushlive.system.process import Account


def forget(cache: Path, *, unused_for: float, now: float) -> None:
    """Remove cached installations that nobody has asked for in `unused_for` seconds; `now` in seconds since 1970."""
    kept = cache / "dependencies"
    for record in kept.glob("*/record.json"):
        if now - record.stat().st_mtime > unused_for:
            known = json.loads(record.read_bytes())
            if "layer" in known:
                Layout(cache / "layers").blob(Digest(known["layer"]["digest"])).unlink(missing_ok=True)
            remove_tree(record.parent)


def forget_account(cache: Path, account: Account) -> None:
    """Remove what was built as `account`: another site may get its number, and is not to run what this one made."""
    for folder in (cache / "dependencies").glob(f"*-{whose(account)}"):
        (folder / "record.json").unlink(missing_ok=True)
        remove_tree(folder)
    remove_tree(builds(cache, account))
