"""Our own node comes and goes whole: whoever makes it may be killed at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.cluster import built, choice, forwarder, keeper, namespaces, node
from tests.servers.cluster.fixtures import IN_CLUSTER

pytestmark = list(IN_CLUSTER)
UP = "import sys; from pathlib import Path; from tests.servers.cluster import node; node.up(Path(sys.argv[1]))"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory):
    if why := built.missing():
        pytest.skip(f"no node can run here: {why}")
    place = choice.FOLDER.with_name(f"pushlive-node-{os.getpid()}")
    yield place
    node.down(place)


def _left(folder: Path) -> list[str]:
    """What there is of a node: processes, control groups, mounts, files."""
    named = [str(path.parent) for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder) in _text(path)]
    groups = [str(root / folder.name) for root in namespaces.cgroup_roots() if (root / folder.name).exists()]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]
    return [*named, *groups, *mounts, *([str(folder)] if folder.exists() else [])]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("reached", ["pid", "control", "logs/kube-apiserver", "logs/kubelet"])
def test_down_leaves_nothing_of_a_node_whose_maker_was_killed(folder: Path, reached: str):
    with subprocess.Popen(
        [sys.executable, "-c", UP, str(folder)], cwd=choice.CHECKOUT, start_new_session=True
    ) as maker:
        until = time.monotonic() + node.LIMIT
        while not (folder / reached).exists():
            assert maker.poll() is None
            assert time.monotonic() < until, f"no {reached}"
            time.sleep(0.01)
        os.killpg(maker.pid, signal.SIGKILL)
    assert _left(folder)

    node.down(folder)

    assert _left(folder) == []


def test_a_keeper_does_nothing_when_its_maker_dies_before_the_word(tmp_path: Path):
    (tmp_path / "private.json").write_text('{"mounts": [], "sysctl": {}, "inherited": []}')

    done = subprocess.run([sys.executable, keeper.__file__, str(tmp_path)], stdin=subprocess.DEVNULL, check=False)

    assert done.returncode == 0
    assert not (tmp_path / "control").exists()


def test_a_program_that_ends_at_once_is_named_with_the_end_of_its_log(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(place, *arguments):
        return programs(place, *arguments) | {"etcd": ["sh", "-c", "echo no room; exit 3"]}

    programs = node.programs.all_of
    monkeypatch.setattr(node.programs, "all_of", broken)

    with pytest.raises(AssertionError, match=r"etcd ended \(3\):\nno room"):
        node.up(folder)

    assert _left(folder) == []


def test_nobody_is_asked_to_wait_for_a_build_that_does_not_go_on(tmp_path: Path):
    built._await_build(tmp_path / "never")


def test_the_kernels_table_says_who_listens():
    table = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
        "   1: 0100007F:0050 0100007F:9C40 01 00000000:00000000\n"
    )

    assert forwarder.listening(table) == {8080}
