"""How much is kept, and for how long."""

KEPT_RELEASES = 10
"""Releases that stay; the live one and the one before it always do."""

UNUSED_DAYS = 30
"""Days after which a cached installation of packages, or a base, that nobody asked for is removed."""
