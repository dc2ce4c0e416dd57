"""Have an image signed by cosign, of the sigstore project. Pure: who would sign, and what to run."""

from collections.abc import Mapping

PROGRAM = "cosign"
"""The program that signs."""

_GIVEN = (
    ("COSIGN_IDENTITY_TOKEN",),
    ("SIGSTORE_ID_TOKEN",),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)
"""A job that has these was given an identity to sign with: by its author, or by `id-token: write` in GitHub Actions."""

_KEYS = (("COSIGN_KEY",), ("COSIGN_SK",))
"""cosign reads its options from the environment too, and goes by these first. They may be there for its other uses."""

_WAYS = (("COSIGN_OIDC_PROVIDER",), ("COSIGN_FULCIO_AUTH_FLOW",))
"""These say where cosign gets an identity."""


def identity(environ: Mapping[str, str], *, asked: bool) -> str:
    """By which variable cosign knows with what to sign; "" if by none. Only if `asked` may that be a key."""
    looked_at = (*_KEYS, *_GIVEN, *_WAYS) if asked else _GIVEN
    found = (names[0] for names in looked_at if all(map(environ.get, names)))
    return next(found, "")


def environment(environ: Mapping[str, str], variable: str) -> dict[str, str]:
    """What cosign gets, to sign with what `variable` says and with no key that is there besides."""
    other = {name for names in _KEYS for name in names} - {variable}
    return {name: value for name, value in environ.items() if name not in other}


def command(image: str, *, key: str = "", each: bool = False, insecure: bool = False) -> tuple[str, ...]:
    """What signs `image`, a whole name with its digest: with `key`, or with the identity that cosign finds.

    `each` signs the images of an index as well; `insecure` lets cosign speak plain HTTP.
    """
    return (
        *(PROGRAM, "sign", "--yes"),
        *(("--key", key) if key else ()),
        *(("--recursive",) if each else ()),
        *(("--allow-http-registry",) if insecure else ()),
        image,
    )
