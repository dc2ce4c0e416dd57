"""site.json and the users of sites."""

import json
import os
import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError, SettingsError, StateError
from pushlive.model.home import Home
from pushlive.rollout.local import record
from pushlive.rollout.local.record import Endpoint, SiteRecord
from pushlive.system import process
from pushlive.system.process import Account
from tests.reach import others_reach

SHOP = SiteRecord(
    name="shop",
    listen=("127.0.0.1:8000", "[::1]:8000"),
    probe_key="canary-key",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    branch="main",
    url="http://shop.example:8000/",
    hosts=("shop.example",),
    account=Account(64007, 64007),
    source=Path("/srv/shop"),
)


def test_a_record_is_read_as_it_was_written(tmp_path):
    home = Home(tmp_path).site("shop")
    record.save(home, SHOP)

    assert record.load(home) == SHOP
    assert stat.S_IMODE(home.record.stat().st_mode) == 0o600


def test_a_record_of_a_site_that_runs_as_ourselves(tmp_path):
    home = Home(tmp_path).site("shop")
    mine = replace(SHOP, account=None, source=None)
    record.save(home, mine)

    assert record.load(home) == mine


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="changes user, which only root may")
@pytest.mark.skipif(not others_reach(Path(sys.executable)), reason="other users cannot reach this interpreter")
def test_a_record_of_another_user_is_refused_to_root_and_to_others(open_folder):
    home = Home(open_folder).site("shop")
    record.save(home, SHOP)
    os.chown(home.record, 65534, 65534)
    with pytest.raises(MachineError, match="the site shop belongs to another user") as caught:
        record.load(home)
    assert caught.value.remedy == "Run the command as nobody."

    os.chown(home.record, 0, 0)
    script = f"""
from pathlib import Path
from pushlive.model.home import SiteHome
from pushlive.rollout.local import record
try:
    record.load(SiteHome(Path({str(home.path)!r})))
except record.MachineError as error:
    print(error.cause, "-", error.remedy)
"""
    for mode, owner in ((0o711, "root"), (0o710, "the user who set it up")):
        home.path.chmod(mode)
        shown = process.run([sys.executable, "-c", script], account=Account(65534, 65534))
        assert shown.output == f"the site shop belongs to another user - Run the command as {owner}.\n"


def test_the_key_is_in_no_repr():
    assert "canary-key" not in repr(SHOP)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "shop"}', '{"name": 3, "listen": 4}'])
def test_a_damaged_record_says_where_it_is(tmp_path, text):
    home = Home(tmp_path).site("shop")
    home.path.mkdir(parents=True)
    home.record.write_text(text)

    with pytest.raises(StateError, match=r"site\.json is damaged"):
        record.load(home)


def test_a_site_that_is_not_there(tmp_path):
    with pytest.raises(StateError, match="no site called shop"):
        record.load(Home(tmp_path).site("shop"))


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:8000", Endpoint("127.0.0.1", 8000)),
        ("[::]:80", Endpoint("::", 80)),
        (":8000", Endpoint("0.0.0.0", 8000)),
        ("example.com:65535", Endpoint("example.com", 65535)),
    ],
)
def test_addresses_to_listen_on(text, endpoint):
    assert Endpoint.parse(text) == endpoint
    assert Endpoint.parse(str(endpoint)) == endpoint


@pytest.mark.parametrize("text", ["", "8000", "host", "host:", "host:0", "host:65536", "host:-1", "::1:80", "host:8x"])
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:8000"):
        Endpoint.parse(text)


def test_two_sites_of_a_home_have_two_users(tmp_path):
    home = Home(tmp_path)
    first = record.free_account(home)
    record.save(home.site("shop"), replace(SHOP, account=first))

    second = record.free_account(home)

    assert first != second
    assert record.FIRST_UID <= second.uid <= record.LAST_UID


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away, which only root may")
def test_the_user_of_a_site_whose_record_is_damaged_is_not_given_again(tmp_path):
    home = Home(tmp_path)
    first = record.free_account(home)
    record.save(home.site("shop"), replace(SHOP, account=first))
    home.site("shop").data.mkdir()
    os.chown(home.site("shop").data, first.uid, first.gid)
    home.site("shop").record.write_text("{")

    assert record.free_account(home) != first


def test_users_are_looked_for_around_the_end_of_the_range():
    taken = {record.LAST_UID, record.FIRST_UID}

    assert record.first_free(taken, begin=999) == Account(record.FIRST_UID + 1, record.FIRST_UID + 1)


def test_a_range_without_a_free_user_says_so():
    with pytest.raises(StateError, match="has a site"):
        record.first_free(range(record.FIRST_UID, record.LAST_UID + 1))


def test_the_file_is_made_for_people_too(tmp_path):
    home = Home(tmp_path).site("shop")
    record.save(home, SHOP)

    assert json.loads(home.record.read_text())["listen"] == ["127.0.0.1:8000", "[::1]:8000"]


def test_an_account_is_read_as_a_pair_too(tmp_path):
    home = Home(tmp_path).site("shop")
    record.save(home, SHOP)
    plain = json.loads(home.record.read_bytes())
    home.record.write_text(json.dumps(plain | {"account": [64001, 64002]}))

    assert record.load(home).account == Account(64001, 64002)
