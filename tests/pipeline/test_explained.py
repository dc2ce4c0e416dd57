from pushlive.image.failures import NeedsPythonError
from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import BuildError, PushliveError, RolloutError
from pushlive.pipeline.diagnosing import explained

FOUND = Diagnosis("some-code", "the cause", "here.py:1", ("a line",), "Mend it.")


def test_a_diagnosed_error_is_of_the_class_that_gives_the_exit_code():
    for error in (NeedsPythonError("django==6.0", ">=3.12", "3.11.2"), RolloutError("x"), PushliveError("x")):
        made = explained(error, FOUND)
        assert made.exit_code == error.exit_code
        assert (made.cause, made.where, made.evidence, made.remedy, made.code) == (
            "the cause",
            "here.py:1",
            ("a line",),
            "Mend it.",
            "some-code",
        )
    assert type(explained(NeedsPythonError("django==6.0", ">=3.12", "3.11.2"), FOUND)) is BuildError
