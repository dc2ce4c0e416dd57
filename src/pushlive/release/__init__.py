"""Stage: image + settings -> release. Pure."""

from pushlive.release.cut import RESERVED, Parts, Stored, cut, data_paths, unset

__all__ = ["RESERVED", "Parts", "Stored", "cut", "data_paths", "unset"]
