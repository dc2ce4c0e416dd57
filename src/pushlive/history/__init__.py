"""Append-only records of deliveries and releases."""

from pushlive.history.records import History, Live

__all__ = ["History", "Live"]
