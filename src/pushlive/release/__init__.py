"""Stage: image + settings -> release. Pure."""

from pushlive.release.cut import Parts, Stored, cut

__all__ = ["Parts", "Stored", "cut"]
