"""Stage: image + settings -> release. Pure."""

from pushlive.release.cut import Parts, Stored, cut, data_paths, unset

__all__ = ["Parts", "Stored", "cut", "data_paths", "unset"]
