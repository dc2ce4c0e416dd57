"""What all tests share: the cluster, and that those come last which wait for what is still built."""

from typing import Any

import pytest

from tests.servers.cluster import fixtures
from tests.servers.cluster.fixtures import base, cluster, namespace

__all__ = ["base", "cluster", "namespace"]

LONGEST_BUILD = 1800
"""Seconds that a test may wait for a program that is built meanwhile (tools/go-programs.sh)."""

_USED: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Programs are built while the other tests run."""
    for item in items:
        if item.get_closest_marker("late"):
            item.add_marker(pytest.mark.timeout(LONGEST_BUILD))
    items.sort(key=lambda item: ("cluster" in getattr(item, "fixturenames", ()), bool(item.get_closest_marker("late"))))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["clusters"] = fixtures.USED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _USED.extend(getattr(node, "workeroutput", {}).get("clusters", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for used in dict.fromkeys((*_USED, *fixtures.USED)):
        terminalreporter.write_line(f"cluster: {used}")
