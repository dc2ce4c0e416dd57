"""What holds for all tests."""

import pytest

LONGEST_BUILD = 1800
"""Seconds that a test may wait for a program that is built beside the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those last that may have to wait for a program: it is built while the others run (tools/go-programs.sh)."""
    for item in items:
        if item.get_closest_marker("late"):
            item.add_marker(pytest.mark.timeout(LONGEST_BUILD))
    items.sort(key=lambda item: item.get_closest_marker("late") is not None)
