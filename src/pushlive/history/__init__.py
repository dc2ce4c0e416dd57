"""Append-only records of deliveries and releases."""

from pushlive.history.records import History

__all__ = ["History"]
