import pytest

from pushlive.model import errors
from pushlive.model.errors import PushliveError, SourceError


def test_an_error_reads_as_a_sentence_with_its_place_and_its_remedy():
    error = SourceError("the tree is too large", where="master", remedy="Leave the video out.")
    assert str(error) == "the tree is too large (master). Leave the video out."
    assert str(SourceError("the tree is too large")) == "the tree is too large"


def test_raw_output_and_evidence_are_no_part_of_the_sentence():
    error = SourceError("it broke", evidence=["line"], output="all that was printed")
    assert str(error) == "it broke"
    assert error.evidence == ("line",)
    assert error.output == "all that was printed"


@pytest.mark.parametrize("kind", PushliveError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_class_is_caught_as_one_and_says_what_it_is_for(kind):
    assert issubclass(kind, PushliveError)
    assert kind.__doc__
    assert getattr(errors, kind.__name__) is kind
