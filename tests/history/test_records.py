import sqlite3
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from pushlive.history import History
from pushlive.model.delivery import Diagnosis, Origin, Verdict
from pushlive.model.errors import StateError, UsageError
from tests.history.conftest import FULL, PLAIN, release_of

SHA = "c" * 40


def test_a_delivery_is_recorded_from_its_start_to_its_verdict(history):
    before = datetime.now(UTC)
    begun = history.begin(SHA, "refs/heads/master", Origin.PUSH)
    assert (begun.number, begun.revision, begun.ref, begun.origin) == (1, SHA, "refs/heads/master", Origin.PUSH)
    assert (begun.verdict, begun.ended, begun.release) == (Verdict.RUNNING, None, None)
    assert before <= begun.started <= datetime.now(UTC)
    assert history.unfinished() == (begun,)
    release = history.add_release(FULL)
    ended = history.finish(1, Verdict.LIVE, release=release.name, timings={"build": 0.25})
    assert ended == replace(begun, verdict=Verdict.LIVE, ended=ended.ended, release="v1", timings={"build": 0.25})
    assert history.deliveries() == (ended,)
    assert history.unfinished() == ()


def test_a_failure_keeps_its_diagnosis(history):
    history.begin(SHA, "refs/heads/master", Origin.DELIVER)
    diagnosis = Diagnosis(
        "import-error", "No module named 'environ'", "proj/settings.py:14", ("a", "\u96ea"), "Add it."
    )
    assert history.finish(1, Verdict.FAILED, diagnosis=diagnosis).diagnosis == diagnosis
    assert history.delivery(1).diagnosis == diagnosis


def test_what_was_refused_before_it_began_is_on_record_and_not_unfinished(history):
    found = Diagnosis("settings", "run.replica: there is no such key", where="pushlive.toml:2")
    refused = history.add_refused(SHA, "refs/heads/master", Origin.PUSH, found)
    assert (refused.verdict, refused.diagnosis) == (Verdict.FAILED, found)
    assert history.deliveries() == (refused,)
    assert history.unfinished() == ()


def test_the_newest_deliveries_come_first_and_the_oldest_unfinished(history):
    for origin in Origin:
        history.begin(SHA, "refs/heads/master", origin)
    history.finish(2, Verdict.SUPERSEDED)
    assert [each.number for each in history.deliveries(3)] == [5, 4, 3]
    assert [each.number for each in history.unfinished()] == [1, 3, 4, 5]


def test_a_delivery_ends_once(history):
    history.begin(SHA, "refs/heads/master", Origin.UP)
    history.finish(1, Verdict.INTERRUPTED)
    with pytest.raises(StateError, match="delivery 1 has ended already: interrupted"):
        history.finish(1, Verdict.LIVE)
    with pytest.raises(StateError, match="no delivery 2"):
        history.finish(2, Verdict.LIVE)
    with pytest.raises(StateError, match="no delivery 2"):
        history.delivery(2)


def test_two_that_end_one_delivery_at_once_leave_one_ending(history, tmp_path):
    history.begin(SHA, "refs/heads/master", Origin.UP)
    with History(tmp_path / "site" / "history.sqlite") as other:
        running = other.delivery(1)
        history.finish(1, Verdict.LIVE)
        other.delivery = lambda number: running
        with pytest.raises(StateError, match="refused a record"):
            other.finish(1, Verdict.FAILED)
    assert history.delivery(1).verdict is Verdict.LIVE


def test_releases_are_numbered_and_read_back_exactly(history):
    first, second = history.add_release(FULL), history.add_release(PLAIN)
    assert first == replace(FULL, name="v1")
    assert second == replace(PLAIN, name="v2")
    assert history.releases() == (second, first)
    assert history.release("v1") == first
    assert history.release("v1").created.isoformat() == FULL.created.isoformat()


@pytest.mark.parametrize("name", ["v3", "v0", "v01", "1", "", "v", "v-1", "v1 ", "v99999999999999999999", "v1; --"])
def test_a_release_that_is_not_there_is_none(history, name):
    history.add_release(PLAIN)
    assert history.release(name) is None
    assert history.find(name) is None


def test_find_takes_a_name_or_the_beginning_of_a_revision_that_was_live(history):
    for revision in ("1234abc" + "0" * 33, "1234abc" + "0" * 33, "1234def" + "0" * 33, "9" * 40):
        history.add_release(release_of(revision))
    assert history.find("v4").name == "v4"
    assert history.find("9999") is None
    for name in ("v2", "v1", "v3", "v2"):
        history.went_live(name)
    assert history.find("1234abc").name == "v2"
    assert history.find("1234ABC0").name == "v2"
    assert history.find("1234d").name == "v3"
    assert history.find("123") is None
    assert history.find("%_34") is None
    with pytest.raises(UsageError, match="more than one released revision begins with 1234"):
        history.find("1234")


def test_live_previous_and_what_is_kept(history):
    assert history.live() is None
    assert history.previous() is None
    assert history.keep(5) == ()
    for number in range(1, 8):
        history.add_release(release_of(str(number) * 40))
    history.went_live("v1")
    assert history.previous() is None
    for name in ("v2", "v4", "v5", "v4"):
        history.went_live(name)
    assert history.live().name == "v4"
    assert history.previous().name == "v5"
    history.went_live("v4")
    assert history.previous().name == "v5"
    assert history.keep(0) == ("v4", "v5")
    assert history.keep(3) == ("v4", "v5", "v2")
    assert history.keep(100) == ("v4", "v5", "v2", "v1")


def test_which_release_is_the_newest_and_which_were_ever_live(history):
    assert history.newest() is None
    for number in range(1, 4):
        history.add_release(release_of(str(number) * 40))
    history.went_live("v1")
    assert history.newest().name == "v3"
    assert [history.was_live(name) for name in ("v1", "v3", "v9", "nonsense")] == [True, False, False, False]


def test_what_is_not_there_cannot_go_live_or_end_a_delivery(history):
    history.begin(SHA, "refs/heads/master", Origin.UP)
    for name in ("v1", "", "v0", "nonsense"):
        with pytest.raises(StateError, match="refused a record"):
            history.went_live(name)
        with pytest.raises(StateError, match="refused a record"):
            history.finish(1, Verdict.LIVE, release=name)
    assert history.unfinished()[0].number == 1
    assert history.live() is None


@pytest.mark.parametrize("table", ["deliveries", "releases", "endings", "lives"])
def test_nothing_is_ever_changed_or_removed(history, tmp_path, table):
    history.begin(SHA, "refs/heads/master", Origin.UP)
    history.add_release(PLAIN)
    history.finish(1, Verdict.LIVE, release="v1")
    history.went_live("v1")
    connection = sqlite3.connect(tmp_path / "site" / "history.sqlite")
    column = {"endings": "verdict", "lives": "since"}.get(table, "revision")
    for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            connection.execute(statement)
    connection.close()


def test_it_may_be_entered_again(history, tmp_path):
    again = History(tmp_path / "site" / "history.sqlite")
    for number in (1, 2):
        with again:
            assert again.begin(SHA, "refs/heads/master", Origin.UP).number == number
    with pytest.raises(AssertionError):
        again.releases()
