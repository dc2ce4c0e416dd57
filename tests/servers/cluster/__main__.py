"""`tools/cluster`: this checkout's node, for developers."""

# ruff: noqa: T201  # a command says what it did

import os
import subprocess
import sys

from pushlive.system import locks
from tests.servers.cluster import built, choice, node

USAGE = """tools/cluster up|down|status|build|run COMMAND...

  up      start this checkout's Kubernetes node (built before, if it has to be), and say how it is reached
  down    end it, and whatever is left of one that was killed
  status  say what runs; 1 when nothing does
  build   build its programs, without starting it
  run     run a command where what the cluster serves can be reached, with its kubeconfig"""


def _up() -> int:
    if why := built.missing():
        print(f"no node can run here: {why}", file=sys.stderr)
        return 4
    try:
        with locks.held(choice.lock()):
            choice.ensure(choice.DEVELOPER)
    except AssertionError as why:
        print(f"the node did not come up: {why}", file=sys.stderr)
        return 1
    return _status()


def _down() -> int:
    with locks.held(choice.lock()):
        node.down(choice.FOLDER)
    return 0


def _status() -> int:
    found = node.found(choice.FOLDER)
    if not found:
        print("no node is up")
        return 1
    cluster = choice.own(found)
    print(f"Kubernetes {cluster.version}: {', '.join(sorted(found.running()))}")
    print(f"kubeconfig  {cluster.kubeconfig}")
    print(f"kubectl     {found.place.program('kubectl')}")
    print(f"registry    {cluster.registry} (here and in the node's network)")
    print(f"gateway     {cluster.gateway} (in the node's network: tools/cluster run curl http://{cluster.gateway}/)")
    print(f"logs        {found.place.folder}/logs")
    return 0


def _run(command: list[str]) -> int:
    found = node.found(choice.FOLDER)
    if not found or not command:
        print("no node is up: tools/cluster up" if not found else USAGE, file=sys.stderr)
        return 4
    path = f"{os.environ['PATH']}:{found.place.made}/bin"
    told = os.environ | {"KUBECONFIG": str(found.kubeconfig), "PATH": path}
    return subprocess.run(found.argv(*command), env=told, check=False).returncode


def main(arguments: list[str]) -> int:
    """Do what the first word says; the exit code."""
    match arguments:
        case ["up"]:
            return _up()
        case ["down"]:
            return _down()
        case ["status"]:
            return _status()
        case ["run", *command]:
            return _run(command)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
