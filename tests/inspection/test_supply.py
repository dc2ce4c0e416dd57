"""The decisions alone: what was seen in, the next step out."""

from pathlib import Path

from msgspec.structs import replace

from pushlive.inspection import supply
from pushlive.inspection.goals import Policy, key_print
from pushlive.inspection.supply import Again, Broken, Lacking, Settled, Trial
from pushlive.inspection.values import App, Failure, Observation, Read, SecretKey, Settings
from pushlive.model.release import SuppliedSetting

POLICY = Policy(App(Path("/tree")), supply=True, own=frozenset(), hosts=("site.test",), key="made", data="/data")
FINE = Settings(module="s", allowed_hosts=("*",), secret_key=SecretKey(print=key_print("own", "n")))
KEY = Read("KEY", present=False, bare=True, where=("s.py:1",), flows=("SECRET_KEY",))
DEBUG = Read("DEBUG", present=False, bare=False, where=("s.py:2",), flows=("DEBUG",))
MADE = SuppliedSetting("KEY", "made", "a secret key, made once and kept (s.py:1)", secret=True)


def seen(settings=FINE, reads=(), failure=None):
    return Observation("n", 0, reads=reads, settings=settings, failure=failure, ended=True)


def with_key(settings, value):
    return replace(settings, secret_key=SecretKey(print=key_print(value, "n")))


def lacks(name):
    return Failure("settings", "KeyError", name, "s.py:1")


def test_nothing_open_is_settled():
    assert supply.decide(seen(), Trial(), POLICY) == Settled(Trial(before=FINE))


def test_a_key_the_environment_feeds_is_tried():
    step = supply.decide(seen(reads=(KEY,)), Trial(), POLICY)
    assert isinstance(step, Again)
    assert step.trial.last == MADE


def test_a_value_is_kept_when_it_arrives():
    trial = Trial(last=MADE, goal="SECRET_KEY", before=FINE)
    step = supply.decide(seen(with_key(FINE, "made"), reads=(replace(KEY, present=True),)), trial, POLICY)
    assert isinstance(step, Settled)
    assert step.trial.supplied == (MADE,)


def test_a_value_without_effect_is_refused_and_the_site_asked_without_it():
    trial = Trial(last=MADE, goal="SECRET_KEY", before=FINE)
    step = supply.decide(seen(reads=(replace(KEY, present=True),)), trial, POLICY)
    assert isinstance(step, Again)
    assert step.trial.supplied == ()
    assert ("KEY", "made") in step.trial.refused


def test_nothing_is_supplied_over_what_the_user_set():
    assert isinstance(supply.decide(seen(reads=(KEY,)), Trial(), replace(POLICY, own=frozenset({"KEY"}))), Settled)


def test_the_next_form_is_tried_when_one_makes_the_settings_fail():
    on = replace(FINE, debug=True)
    first = supply.decide(seen(on, reads=(DEBUG,)), Trial(), POLICY)
    assert isinstance(first, Again)
    failed = Failure("settings", "ValueError", "invalid literal for int(): 'False'", "s.py:2")
    back = supply.decide(seen(None, reads=(replace(DEBUG, present=True),), failure=failed), first.trial, POLICY)
    assert isinstance(back, Again)
    second = supply.decide(seen(on, reads=(DEBUG,)), back.trial, POLICY)
    assert isinstance(second, Again)
    assert second.trial.last is not None
    assert (first.trial.last.value, second.trial.last.value) == ("False", "0")


def test_a_platforms_variable_that_sends_all_to_https_is_taken_back():
    dyno = Read("DYNO", present=False, bare=False, flows=("ALLOWED_HOSTS", "SECURE_SSL_REDIRECT"))
    before = replace(FINE, allowed_hosts=("localhost",))
    first = supply.decide(seen(before, reads=(dyno,)), Trial(), POLICY)
    assert isinstance(first, Again)
    after = replace(FINE, ssl_redirect=True)
    step = supply.decide(seen(after, reads=(replace(dyno, present=True),)), first.trial, POLICY)
    assert isinstance(step, Again)
    assert step.trial.supplied == ()


def test_a_name_that_cannot_be_supplied_is_stood_in_for_to_see_what_else_lacks():
    token = Read("TOKEN", present=False, bare=True, where=("s.py:3",))
    step = supply.decide(seen(None, reads=(token,), failure=lacks("TOKEN")), Trial(), POLICY)
    assert isinstance(step, Again)
    assert list(step.trial.stand_ins) == ["TOKEN"]
    present = replace(token, present=True)
    assert supply.decide(seen(reads=(present,)), step.trial, POLICY) == Lacking(("TOKEN",))


def test_a_stand_in_of_the_wrong_form_is_replaced():
    token = Read("TOKEN", present=True, bare=True, where=("s.py:3",))
    failed = Failure("settings", "ValueError", "invalid literal for int()", "s.py:3")
    trial = Trial(stand_ins={"TOKEN": supply.STAND_IN})
    step = supply.decide(seen(None, reads=(token,), failure=failed), trial, POLICY)
    assert isinstance(step, Again)
    assert step.trial.stand_ins == {"TOKEN": "1"}


def test_a_failure_about_no_name_is_the_sites_own():
    failure = Failure("settings", "TypeError", "no", "s.py:3")
    assert supply.decide(seen(None, failure=failure), Trial(), POLICY) == Broken(failure)


def test_what_is_remembered_is_dropped_once_the_settings_fail_with_it():
    trial = supply.begin((MADE,), POLICY)
    failure = Failure("settings", "TypeError", "no", "s.py:3")
    step = supply.decide(seen(None, failure=failure), trial, POLICY)
    assert isinstance(step, Again)
    assert step.trial.supplied == ()


def test_what_is_remembered_and_set_by_the_user_since_is_theirs():
    assert supply.begin((MADE,), replace(POLICY, own=frozenset({"KEY"}))) == Trial()


def test_with_supply_off_nothing_remembered_is_given():
    assert supply.begin((MADE,), replace(POLICY, supply=False)) == Trial()


def test_every_way_through_ends():
    """Settings that never come right: each step refuses something or adds something, so there is a last one."""
    reads = (KEY, DEBUG, Read("HOSTS", present=False, bare=True, flows=("ALLOWED_HOSTS",)))
    never = replace(FINE, debug=True, allowed_hosts=("other.test",))
    steps = 0
    step = supply.decide(seen(never, reads=reads), Trial(), POLICY)
    while isinstance(step, Again):
        steps += 1
        assert steps < 30
        step = supply.decide(seen(never, reads=reads), step.trial, POLICY)
    assert isinstance(step, Settled)
    assert step.trial.supplied == ()


def test_what_no_stand_in_mends_is_the_sites_own_fault_unless_one_is_read_there():
    trial = Trial(stand_ins={"KEY": "{}"})
    read = replace(KEY, present=True)
    own = Failure("check", "ImportError", "cannot import name 'sauce'", "views.py:1")
    assert supply.decide(seen(None, (read,), own), trial, POLICY) == Broken(own)
    there = replace(own, type="ValueError", where="s.py:1")
    assert supply.decide(seen(None, (read,), there), trial, POLICY) == Lacking(("KEY",))
    later = Failure("settings", "ValueError", "'{}' is not a valid Mode", "s.py:9")
    assert supply.decide(seen(None, (read,), later), trial, POLICY) == Lacking(("KEY",))
