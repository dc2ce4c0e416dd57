"""The signature of an image that was pushed: made by cosign, by the image's digest."""

import os
import shutil
from collections.abc import Mapping

from msgspec import Struct

from pushlive.image import signing
from pushlive.model.delivery import Stage
from pushlive.model.errors import MachineError, SigningError, UsageError
from pushlive.model.events import Note, Output, Report
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Published, Target
from pushlive.system import process

_SECONDS = 900.0
_AGAIN = "error during command execution"
"""cosign tells an error twice; so begins the second line."""

_NO_COSIGN = "cosign is not installed, or not on the PATH"
_INSTALL = "Install it: https://docs.sigstore.dev/cosign/system_config/installation/"
_WITH_WHAT = "Give a key with --sign-key, or an identity: SIGSTORE_ID_TOKEN, or `id-token: write` in GitHub Actions."


class Signer(Struct, frozen=True):
    """What signs: a key (a file, or the address of a key service), or else the identity that `variable` gives."""

    key: str = ""
    variable: str = ""

    def __str__(self) -> str:
        return self.key or self.variable


def signer(target: Target, report: Report, environ: Mapping[str, str] = os.environ) -> Signer | None:
    """Who is to sign what is pushed to `target`: nobody unless that was asked for, or an identity is there.

    Raises UsageError for a signature of what is not pushed, or without an identity, and MachineError without cosign.
    """
    asked = bool(target.sign or target.key)
    if target.sign is False or not (asked or target.pushes):
        return None
    if not target.pushes:
        raise UsageError("only what is pushed can be signed", remedy="Say where to with --push NAME or --to TARGET.")
    found = Signer(target.key, "" if target.key else signing.identity(environ, asked=asked))
    if not str(found):
        if asked:
            raise UsageError("there is nothing to sign with", remedy=_WITH_WHAT)
        return None
    if not shutil.which(signing.PROGRAM, path=environ.get("PATH")):
        if asked:
            raise MachineError(_NO_COSIGN, remedy=_INSTALL)
        report(Note(f"{found} is there to sign with, and {_NO_COSIGN}: the image is not signed", warning=True))
        return None
    return found


def sign(by: Signer, made: Published, target: Target, clock: Stopwatch) -> None:
    """Sign an image that was pushed, and of an index each of its images. Raises SigningError."""
    assert made.pushed
    image = f"{made.pushed.reference.name}@{made.pushed.reference.digest}"
    argv = signing.command(image, key=by.key, each=len(target.platforms) > 1, insecure=target.insecure)
    with clock.run(Stage.SIGN) as told:
        env = signing.environment(os.environ, by.variable)
        done = process.stream(argv, lambda line: clock.tell(Output(line)), env=env, timeout=_SECONDS)
        if not done.ok:
            raise _failed(done, image, by)
        told(f"by cosign, with {by}")


def _failed(done: process.Completed, image: str, by: Signer) -> SigningError:
    lines = [line.strip() for line in done.output.splitlines() if line.strip() and not line.startswith(_AGAIN)]
    return SigningError(
        f"the image is pushed, and not signed: cosign {done.ending}",
        where=image,
        evidence=lines[-5:],
        remedy=f"Mend what cosign names (it signs with {by}), and run the same again: no blob is sent twice.",
        output=done.output,
        code="not-signed",
    )
