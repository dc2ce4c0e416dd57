from pathlib import Path

import pytest

from pushlive.model.home import SiteHome
from pushlive.model.release import SuppliedSetting
from pushlive.pipeline import remembering

HOSTS = SuppliedSetting("ALLOWED_HOSTS", "a.example", "because")
KEY = SuppliedSetting("SECRET_KEY", "canary", "because", secret=True)


def test_what_a_build_found_out_is_known_to_the_next_but_no_secret(tmp_path: Path) -> None:
    site = SiteHome(tmp_path)
    assert remembering.recall(site) == ()
    remembering.keep(site, (HOSTS, KEY))
    hosts, key = remembering.recall(site)
    assert hosts == HOSTS
    assert (key.name, key.secret) == ("SECRET_KEY", True)
    assert key.value not in {"", "canary", remembering.recall(site)[1].value}
    assert "canary" not in site.supplied.read_text()


@pytest.mark.parametrize("damage", [b"", b"[", b"{}", b"[1]"])
def test_a_damaged_note_is_found_out_again(tmp_path: Path, damage: bytes) -> None:
    SiteHome(tmp_path).supplied.write_bytes(damage)
    assert remembering.recall(SiteHome(tmp_path)) == ()
