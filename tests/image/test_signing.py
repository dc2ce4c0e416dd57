"""Who would sign, and what cosign is told."""

import pytest

from pushlive.image import signing

IMAGE = f"ghcr.io/me/site@sha256:{'a' * 64}"
TOKEN = {"SIGSTORE_ID_TOKEN": "ey…"}
RUNNER = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://…", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "…"}
KEY = {"COSIGN_KEY": "cosign.key"}


def test_a_key_and_all_that_is_asked_for_are_passed_on():
    told = signing.command(IMAGE, key="awskms:///alias/site", each=True, insecure=True)
    assert told[:5] == ("cosign", "sign", "--yes", "--key", "awskms:///alias/site")
    assert told[5:] == ("--recursive", "--allow-http-registry", IMAGE)


def test_nothing_else_is_told():
    assert signing.command(IMAGE) == ("cosign", "sign", "--yes", IMAGE)


@pytest.mark.parametrize(
    ("environ", "on_its_own", "asked"),
    [
        ({}, "", ""),
        (TOKEN, "SIGSTORE_ID_TOKEN", "SIGSTORE_ID_TOKEN"),
        ({"SIGSTORE_ID_TOKEN": ""}, "", ""),
        (RUNNER, "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "https://…"}, "", ""),
        (KEY, "", "COSIGN_KEY"),
        (TOKEN | KEY, "SIGSTORE_ID_TOKEN", "COSIGN_KEY"),
        ({"COSIGN_OIDC_PROVIDER": "spiffe"}, "", "COSIGN_OIDC_PROVIDER"),
    ],
)
def test_an_identity_that_was_given_to_the_job_is_used_unasked(environ, on_its_own, asked):
    assert signing.identity(environ, asked=False) == on_its_own
    assert signing.identity(environ, asked=True) == asked


def test_a_key_for_other_uses_is_kept_from_cosign():
    assert signing.environment(TOKEN | KEY, "SIGSTORE_ID_TOKEN") == TOKEN
    assert signing.environment(TOKEN | KEY, "COSIGN_KEY") == TOKEN | KEY
