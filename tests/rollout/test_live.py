"""live.json: written durably, read back, and told of when it is damaged."""

import stat

import pytest

from pushlive.model.errors import StateError
from pushlive.model.home import Home
from pushlive.rollout.local import live, places
from pushlive.rollout.local.live import Live


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path).site("shop")
    made.run.mkdir(parents=True)
    return made


def test_what_was_written_is_read_by_its_owner_alone(home):
    live.write(home, Live("v7", 9))

    assert live.read(home) == Live("v7", 9, stopped=False)
    assert live.name(home) == "v7"
    assert stat.S_IMODE(places.live_file(home).stat().st_mode) == 0o600


def test_before_the_first_commit_nothing_is_live_and_nothing_can_be_stopped(home):
    live.stop(home)

    assert live.read(home) is None
    assert live.name(home) is None


def test_what_is_stopped_is_live_all_the_same_and_what_is_forgotten_is_not(home):
    live.write(home, Live("v7", 9))
    live.stop(home)
    assert live.read(home) == Live("v7", 9, stopped=True)

    live.forget(home)
    live.forget(home)
    assert live.read(home) is None


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"release": "v7"}', b'{"release": 7, "generation": 1}', b'"\xff"']
)
def test_a_damaged_file_is_told_of_with_what_to_do(home, text):
    places.live_file(home).write_bytes(text)

    with pytest.raises(StateError, match=r"live\.json is damaged") as caught:
        live.read(home)
    assert caught.value.remedy == f"`rm {places.live_file(home)}`, and `pushlive start`: what was live is on record."
