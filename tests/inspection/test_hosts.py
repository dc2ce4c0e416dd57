import pytest

from pushlive.inspection.hosts import choose, is_allowed


@pytest.mark.parametrize(
    ("host", "allowed", "debug", "answered"),
    [
        ("a.test", ["*"], False, True),
        ("a.test", ["a.test"], False, True),
        ("A.test", ["a.TEST"], False, True),
        ("a.test.", ["a.test"], False, True),
        ("b.a.test", [".a.test"], False, True),
        ("a.test", [".a.test"], False, True),
        ("ba.test", [".a.test"], False, False),
        ("b.test", ["a.test"], False, False),
        ("localhost", [], False, False),
        ("localhost", [], True, True),
        ("x.localhost", [], True, True),
        ("a.test", [], True, False),
        ("localhost", ["a.test"], True, False),
    ],
)
def test_a_host_is_answered_as_django_does(host, allowed, debug, answered):
    assert is_allowed(host, allowed, debug=debug) is answered


@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        (["*"], "site.test"),
        (["other.test", "localhost"], "localhost"),
        (["127.0.0.1"], "127.0.0.1"),
        ([".railway.app"], "railway.app"),
        (["None.fly.dev", "None", ""], None),
        ([], None),
        (["other.test", "*"], "site.test"),
        (["other.test", "x.test"], "other.test"),
        (["..other.test", "*.other.test", "a b", "other.test\r\nX: y", "x.test:80"], "x.test:80"),
    ],
)
def test_the_wanted_host_is_chosen_first_then_one_the_list_names(allowed, chosen):
    assert choose(["site.test"], allowed) == chosen


@pytest.mark.parametrize("debug", [False, True])
def test_a_pattern_is_never_chosen(debug):
    assert choose([".site.test"], [".site.test"], debug=debug) == "site.test"
    assert choose([".site.test", "www.site.test"], [".site.test"], debug=debug) == "www.site.test"


@pytest.mark.parametrize("allowed", [["site.test"], [".site.test"], ["*"], ["localhost", "other.test"], ["[::1]"]])
def test_what_is_chosen_is_allowed(allowed):
    assert is_allowed(choose(["www.site.test"], allowed), allowed)
