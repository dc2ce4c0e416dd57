"""Challenges: RFC 9110, section 11.6.1."""

import pytest

from pushlive.registry.challenge import Challenge, parse

BASIC, BEARER = Challenge("basic", {"realm": "r"}), Challenge("bearer", {"realm": "https://a/t", "service": "s"})


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (['Basic realm="r"'], [BASIC]),
        (['bASIC REALM="r"'], [BASIC]),
        (["Basic realm=r"], [BASIC]),
        (['Bearer realm="https://a/t",service="s"'], [BEARER]),
        (['BEARER realm="https://a/t" , service = "s"'], [BEARER]),
        (['Bearer realm="https://a/t", service="s", Basic realm="r"'], [BEARER, BASIC]),
        (['Basic realm="r", Bearer realm="https://a/t",service=s'], [BASIC, BEARER]),
        (['Basic realm="r"', 'Bearer realm="https://a/t",service="s"'], [BASIC, BEARER]),
        (["Negotiate", 'Basic realm="r"'], [Challenge("negotiate"), BASIC]),
        (['Negotiate, Basic realm="r"'], [Challenge("negotiate"), BASIC]),
        (['Bearer scope="a:b:pull,push c"'], [Challenge("bearer", {"scope": "a:b:pull,push c"})]),
        ([r'Basic realm="a \"b\" \\"'], [Challenge("basic", {"realm": r"a \"b\" \\".replace('\\"', '"')[:-1]})]),
        (['Basic realm=""'], [Challenge("basic", {"realm": ""})]),
        ([], []),
        ([""], []),
        ([" , ,"], []),
        (['"nonsense"'], []),
        (["Basic"], [Challenge("basic")]),
    ],
)
def test_parse(headers, found):
    assert list(parse(headers)) == found


@pytest.mark.parametrize(
    "text", ['Basic realm="', "Bearer " + "a=b," * 10_000, '"' * 10_000, "Basic " * 10_000, "\\" * 9999]
)
def test_nonsense_ends(text):
    parse([text])
