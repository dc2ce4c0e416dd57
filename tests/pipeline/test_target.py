import pytest

from pushlive.pipeline.target import Target
from pushlive.registry.reference import Reference


@pytest.mark.parametrize(
    ("to", "base", "plain"),
    [
        ("lan.example:5000/site", "lan.example:5000/python:3.13", True),
        ("lan.example:5000/site", "python:3.13-slim", False),
        ("lan.example:5000/site", "lan.example:5001/python:3.13", False),
        (None, "lan.example:5000/python:3.13", True),
    ],
)
def test_insecure_is_meant_for_the_registry_that_is_pushed_to(to: str | None, base: str, plain: bool) -> None:
    target = Target(Reference.parse(to) if to else None, insecure=True)
    assert target.insecure_for(Reference.parse(base)) is plain
    assert not Target(target.to).insecure_for(Reference.parse(base))
