"""Values of secrets: kept by version, for the owner alone, shown by nobody."""

import stat

import pytest

from pushlive.model.errors import StateError
from pushlive.rollout.local.secrets import SecretStore


@pytest.fixture
def store(tmp_path):
    return SecretStore(tmp_path / "secrets")


def test_a_store_without_values(store):
    assert store.current == ""
    assert store.values() == {}
    assert store.names() == ()


def test_each_change_is_a_version_and_earlier_ones_stay(store):
    first = store.set({"KEY": "one"})
    second = store.set({"KEY": "two", "OTHER": "x"})

    assert store.current == second
    assert store.values() == {"KEY": "two", "OTHER": "x"}
    assert store.values(first) == {"KEY": "one"}
    assert store.names() == ("KEY", "OTHER")


def test_a_change_that_changes_nothing_is_no_version(store):
    version = store.set({"KEY": "one"})

    assert store.set({"KEY": "one"}) == version
    assert store.unset("NEVER") == version


def test_unset_forgets_a_value(store):
    store.set({"KEY": "one", "OTHER": "x"})
    store.unset("KEY")

    assert store.names() == ("OTHER",)


def test_files_are_for_the_owner_alone(store):
    store.set({"KEY": "one"})

    assert stat.S_IMODE(store.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in store.path.iterdir()} == {0o600}


def test_a_version_that_is_gone_says_how_to_set_values_again(store):
    with pytest.raises(StateError, match="pushlive env set"):
        store.values("0123456789abcdef")


def test_no_error_and_no_repr_has_a_value_in_it(store):
    version = store.set({"KEY": "canary"})
    file = store.path / f"{version}.json"
    file.write_text('{"KEY": "canary"')

    with pytest.raises(StateError) as caught:
        store.values()

    assert "canary" not in repr(store) + str(caught.value) + repr(caught.value.__cause__)


def test_collecting_leaves_what_is_kept_and_what_is_in_force(store):
    first = store.set({"KEY": "one"})
    store.set({"KEY": "two"})
    third = store.set({"KEY": "three"})

    store.collect({first})

    assert {file.stem for file in store.path.glob("*.json")} == {first, third}


def test_collecting_removes_what_a_killed_change_has_left(store):
    version = store.set({"KEY": "one"})
    (store.path / ".0123456789abcdef.json.x1y2z3").write_text('{"KEY": "can')

    store.collect(set())

    assert {file.name for file in store.path.iterdir()} == {".lock", f"{version}.json", "current"}


@pytest.mark.parametrize("lose", [lambda file: file.unlink(), lambda file: file.write_text("{")])
def test_values_that_are_lost_can_be_set_again(store, lose):
    lose(store.path / f"{store.set({'A': '1', 'B': '2'})}.json")
    with pytest.raises(StateError, match="pushlive env set"):
        store.values()
    store.set({"A": "3"})
    assert store.values() == {"A": "3"}
