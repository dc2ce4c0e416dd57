"""What a registry's answers are told as."""

import pytest

from pushlive.registry import errors

URL = "https://ghcr.io/v2/me/site/manifests/1"


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "it wants a login, or another one"), (403, "the login may not do this"), (404, "it has no such thing")],
)
def test_an_answer_without_words_is_told_in_ours(status, told):
    """An answer to HEAD has no body."""
    assert told in errors.refusal("HEAD", URL, status, b"").cause


def test_an_image_that_is_not_there_is_named():
    said = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
    found = errors.refusal("GET", URL, 404, said, repository="me/site")
    assert found.remedy == "There is no such image: look at the repository me/site, and at its tag or digest."


def test_the_number_of_an_error_says_nothing_to_people():
    found = errors.unreachable("GET", URL, ConnectionRefusedError(111, "Connection refused"))
    assert found.cause == "the registry ghcr.io cannot be reached: Connection refused"
