"""A build starts the site's Python ahead: it answers as an executed one does, and ends with the build."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import django
import pytest
from msgspec import structs

from pushlive import inspection
from pushlive.image.dependencies import Dependencies
from pushlive.image.survey import Interpreter
from pushlive.model.image import Digest, Layer
from pushlive.pipeline.headstart import head_start, remember
from pushlive.pipeline.parts import RUNTIME, Parts
from pushlive.rollout.local import places
from pushlive.system import proc
from tests.runtime.replicas import gone

NONE = Digest(f"sha256:{'0' * 64}")
SITE = {
    "manage.py": "import sys\nfrom django.core import management\nmanagement.execute_from_command_line(sys.argv)\n",
    "settings.py": "import os\nSECRET_KEY = os.environ['KEY']\nALLOWED_HOSTS = ['localhost']\nROOT_URLCONF = 'urls'\n",
    "urls.py": "urlpatterns = []\n",
}


def installed(folder: Path) -> Dependencies:
    return Dependencies("key", folder, Layer(NONE, 0, NONE, ""), ())


@pytest.fixture
def parts(tmp_path):
    """This environment's Python and Django, and our server as it is in the tree."""
    server = tmp_path / "server"
    server.mkdir()
    (server / "pushlive_runtime").symlink_to(RUNTIME)
    (server / "run.py").symlink_to(RUNTIME / "run.py")
    python = Interpreter(Path(sys.executable), "3.0.0", "", Path(sys.base_prefix))
    return Parts(python, installed(Path(django.__file__).parents[1]), installed(server))


@pytest.fixture
def own(context):
    """A site whose code runs as we do."""
    context.site.run.mkdir(exist_ok=True)
    return type(context)(context.home, context.site, replace(context.record, account=None))


def inspected(parts, tmp_path, attend=None):
    """What the settings of a site say; and how each process that was asked has ended."""
    tree, codes = tmp_path / "tree", []
    for name, text in SITE.items():
        tree.mkdir(exist_ok=True)
        (tree / name).write_text(text)

    def watched(argv, **given):
        codes.append(attend(argv, **given))
        return codes[-1]

    runtime = inspection.Runtime(parts.python.path, parts.server.folder, tmp_path / "asked", parts.packages.folder)
    if attend:
        runtime = type(runtime)(runtime.python, runtime.server, runtime.scratch, runtime.packages, attend=watched)
    app = inspection.App(tree=tree, settings="settings")
    path = f"{tree}:{parts.packages.folder}"
    wishes = inspection.Wishes(env={"KEY": "k" * 50}, provided={**inspection.PROVIDED, "PYTHONPATH": path})
    return inspection.inspect(app, runtime, wishes), codes


def told(found):
    """What does not differ from one asking to the next, as the key's fingerprint does."""
    settings = structs.replace(found.settings, secret_key=structs.replace(found.settings.secret_key, print=""))
    return settings, found.remarks, found.supplied


def test_it_says_what_an_executed_one_says(own, parts, tmp_path):
    remember(own.site, parts)
    with head_start(own, tmp_path) as start:
        ahead, codes = inspected(parts, tmp_path, start.warm(parts).attend)
    assert codes == [None], "the code of a process that was forked is not ours to know; this one was executed"
    executed, _ = inspected(parts, tmp_path)
    assert told(ahead) == told(executed)


def test_it_ends_with_the_build(own, parts, tmp_path):
    remember(own.site, parts)
    before = children()
    with head_start(own, tmp_path):
        (server,) = children() - before
    assert gone(server)


KILLED = """
import os, sys, time
from dataclasses import replace
from pathlib import Path
from pushlive.model.home import Home
from pushlive.pipeline.context import Context, open_site
from pushlive.pipeline.headstart import head_start

found = open_site(Home(Path(sys.argv[1])), "shop")
with head_start(Context(found.home, found.site, replace(found.record, account=None)), Path(sys.argv[2])):
    print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
    time.sleep(60)
"""


def test_it_ends_with_a_build_that_is_killed(own, parts, tmp_path):
    remember(own.site, parts)
    argv = [sys.executable, "-c", KILLED, own.home.path, tmp_path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as build:
        server = int(build.stdout.readline())
        assert proc.identify(server)
        build.kill()
    assert gone(server)


@pytest.mark.parametrize("known", [None, b"", b"{}", b'{"python": "/gone", "packages": "/gone", "server": "/gone"}'])
def test_without_a_note_that_holds_there_is_none(own, tmp_path, known):
    if known is not None:
        own.site.ran_with.write_bytes(known)
    with head_start(own, tmp_path) as start:
        assert start is None


def test_where_the_engine_has_one_there_is_no_other(own, parts, tmp_path):
    remember(own.site, parts)
    places.write_state(places.warm_file(own.site), {})
    with head_start(own, tmp_path) as start:
        assert start is None


def test_what_cannot_be_started_is_done_without(own, parts, tmp_path):
    own.site.ran_with.write_text(
        json.dumps(
            {"python": "/nowhere/python", "packages": str(parts.packages.folder), "server": str(parts.server.folder)}
        )
    )
    with head_start(own, tmp_path) as start:
        assert start is None


def test_another_python_or_other_packages_are_not_what_was_started(own, parts, tmp_path):
    remember(own.site, parts)
    other = tmp_path / "other"
    other.mkdir()
    with head_start(own, tmp_path) as start:
        assert start.warm(Parts(parts.python, installed(other), parts.server)) is None


def children() -> set[int]:
    """Our own child processes."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in found.split()}
