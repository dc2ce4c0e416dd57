"""What is settled after a kill, for each prefix of what a delivery writes down."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from pushlive import source
from pushlive.history import History
from pushlive.model.delivery import Origin, Verdict
from pushlive.model.home import SiteHome
from pushlive.model.source import Push
from pushlive.pipeline.recovery import StillRunningError, is_live, settle
from tests.history.conftest import FULL
from tests.servers import git

REF = "refs/heads/master"
DEAD = 2**22 + 1
"""A process id that no process has."""

STEPS = ("begin", "add_release", "announce", "commit", "finish", "went_live", "set_ref", "withdraw")
"""What a delivery writes down, in its order."""


@dataclass
class Place:
    """As much of a context as settling needs; the engine has `live`."""

    site: SiteHome
    move: Push
    live: str = "v1"
    number: int = 0
    command_ends: bool = True

    @property
    def engine(self):
        return SimpleNamespace(live=lambda: self.live, outlast=lambda _patience: self.command_ends)

    @property
    def history(self):
        return History(self.site.history)

    def do(self, step):
        repository, move = self.site.repository, self.move
        with self.history as history:
            match step:
                case "begin":
                    self.number = history.begin(move.new, REF, Origin.PUSH).number
                case "add_release":
                    history.add_release(replace(FULL, revision=move.new))
                case "announce":
                    source.announce(repository, move, receiver=DEAD)
                case "commit":
                    self.live = "v2"
                case "finish":
                    history.finish(self.number, Verdict.LIVE, release="v2")
                case "went_live":
                    history.went_live("v2")
                case "set_ref":
                    source.set_ref(repository, REF, move.new, move.old)
                case "withdraw":
                    source.withdraw(repository)


@pytest.fixture
def place(tmp_path):
    site = SiteHome(tmp_path / "site")
    work = git.init(tmp_path / "work")
    git.init(site.repository, bare=True)
    old, new = work.commit({"a": "1"}), work.commit({"a": "2"})
    work.push(site.repository, f"{old}:{REF}", f"{new}:refs/heads/objects")
    made = Place(site, Push(old, new, REF))
    with made.history as history:
        first = history.begin(old, REF, Origin.PUSH)
        history.add_release(replace(FULL, revision=old))
        history.finish(first.number, Verdict.LIVE, release="v1")
        history.went_live("v1")
    return made


def stands(place):
    """Branch, recorded live release, verdict of the last delivery, and whether a push is still waited for."""
    with place.history as history:
        live = history.live()
        (last,) = history.deliveries(1)
        assert history.unfinished() == ()
    noted = (place.site.repository / "pushlive-accepted").exists()
    return source.tip(place.site.repository, REF), live and live.name, last.verdict, noted


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_every_prefix_of_a_delivery_is_settled_by_what_is_live(place, done):
    for step in STEPS[:done]:
        place.do(step)
    settle(place)
    if place.live == "v2":
        assert stands(place) == (place.move.new, "v2", Verdict.LIVE, False)
    else:
        verdict = Verdict.INTERRUPTED if done else Verdict.LIVE
        assert stands(place) == (place.move.old, "v1", verdict, False)


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_settling_again_changes_nothing(place, done):
    for step in STEPS[:done]:
        place.do(step)
    settle(place)
    before = stands(place)
    settle(place)
    assert stands(place) == before


def test_the_very_push_that_git_was_killed_over_finds_its_branch_where_it_was(place):
    for step in STEPS[:4]:
        place.do(step)
    settle(place, place.move)
    branch, live, verdict, noted = stands(place)
    assert (branch, live, verdict) == (place.move.old, "v2", Verdict.LIVE)
    assert noted
    settle(place)
    assert stands(place) == (place.move.new, "v2", Verdict.LIVE, False)


def test_another_push_finds_the_branch_moved(place):
    for step in STEPS[:4]:
        place.do(step)
    settle(place, Push(place.move.old, "f" * 40, REF))
    assert stands(place) == (place.move.new, "v2", Verdict.LIVE, False)


def test_a_delivery_is_live_by_the_engines_word_until_the_records_have_it(place):
    for step in STEPS[:4]:
        place.do(step)
    with place.history as history:
        (delivery,) = history.unfinished()
        assert is_live(place, history, delivery)
        place.live = "v1"
        assert not is_live(place, history, delivery)


def test_nothing_is_settled_while_the_killed_deliverys_command_runs(place):
    for step in STEPS[:2]:
        place.do(step)
    place.command_ends = False
    with pytest.raises(StillRunningError, match="still runs"):
        settle(place, patience=0)
    with place.history as history:
        assert history.unfinished()
    place.command_ends = True
    settle(place)
    assert stands(place)[2] is Verdict.INTERRUPTED
