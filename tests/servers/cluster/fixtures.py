"""Fixtures: `cluster`, `namespace` and `base`. Tests that use them carry `IN_CLUSTER`."""

from collections.abc import Iterator

import pytest

from tests.servers.cluster import built, choice
from tests.servers.cluster.cluster import Cluster

TIMEOUT = 600
"""Seconds for one test: pods start slowly on a busy machine."""
IN_CLUSTER = (pytest.mark.xdist_group("cluster"), pytest.mark.timeout(built.LIMIT + TIMEOUT))
"""`pytestmark` of such tests: one worker runs them, and the first may wait for the programs to be built."""

USED: list[str] = []
"""What the summary says: the clusters that tests of this process ran on."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of this run; skips where none can be had, and says why."""
    try:
        with choice.cluster() as found:
            USED.append(f"{found.origin}, Kubernetes {found.version}")
            yield found
    except choice.NoCluster as why:
        pytest.skip(str(why))


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def base(cluster: Cluster) -> str:
    """A base image in the cluster's registry, by digest; skips where the cluster has no registry."""
    if not cluster.registry:
        pytest.skip(f"{cluster.origin} has no registry that tests know of ({choice.REGISTRY})")
    return cluster.base()
