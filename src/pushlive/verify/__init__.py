"""Stage: look at the release over HTTP, privately and then through the public address, until it has proved itself."""

from pushlive.verify.expected import Expected
from pushlive.verify.prove import prove_private, prove_public

__all__ = ["Expected", "prove_private", "prove_public"]
