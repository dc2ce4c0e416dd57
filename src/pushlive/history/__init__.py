"""Append-only records of deliveries and releases."""
