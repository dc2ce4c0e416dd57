import pytest

from pushlive.inspection.missing import names
from pushlive.inspection.values import Failure, Observation, Read

READS = (
    Read("KEY", present=False, bare=True, where=("s.py:1",), flows=("SECRET_KEY",)),
    Read("HOST", present=False, bare=False, where=("s.py:2",)),
    Read("TOKEN", present=False, bare=True, where=("s.py:3",)),
    Read("SET", present=True, bare=True, where=("s.py:4",)),
)


def seen(kind="ValueError", message="", where="s.py:9", causes=(), fields=()):
    failure = Failure("settings", kind, message, where, causes=causes, fields=fields)
    return Observation("n", 1, reads=READS, failure=failure)


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (seen("KeyError", "TOKEN"), ("TOKEN",)),
        (seen("KeyError", "SET"), ()),
        (seen("KeyError", "other"), ()),
        (seen("UndefinedValueError", "TOKEN not found. Declare it as envvar"), ("TOKEN",)),
        (seen("Exception", "set KEY and TOKEN"), ("KEY", "TOKEN")),
        (seen("Exception", "MY_TOKEN is bad, so is TOKENS"), ()),
        (seen("RuntimeError", "no", causes=(("KeyError", "TOKEN"),)), ("TOKEN",)),
        (seen("ImproperlyConfigured", "The SECRET_KEY setting must not be empty."), ("KEY",)),
        (seen("AttributeError", "'NoneType' object has no attribute 'split'", "s.py:1"), ("KEY",)),
        (seen("AttributeError", "'NoneType' object has no attribute 'split'", "s.py:9"), ("TOKEN",)),
        (seen("ValidationError", "2 errors", fields=("api_key", "port")), ("API_KEY", "PORT")),
        (seen("SyntaxError", "TOKEN"), ()),
        (seen("ModuleNotFoundError", "No module named 'TOKEN'"), ()),
    ],
)
def test_finds_the_names_an_exception_is_about(observation, expected):
    assert names(observation) == expected


def test_a_site_that_did_not_fail_lacks_nothing():
    assert names(Observation("n", 0, reads=READS)) == ()
