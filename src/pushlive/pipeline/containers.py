"""An image of a site in a container, where Docker or Podman is there to run it; no registry takes part."""

import os
import posixpath
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pushlive.image import export
from pushlive.image.contents import Contents, Kind
from pushlive.model.errors import MachineError, UsageError
from pushlive.pipeline.context import Context
from pushlive.pipeline.looking import Chosen, choose, contents, on_base
from pushlive.system import process, terminal
from pushlive.system.feed import feed

_ENGINES = ("docker", "podman")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where an engine looks for a program of an image that sets no PATH."""


def run_in_container(
    context: Context,
    word: str | None,
    argv: Sequence[str] = (),
    *,
    env: Sequence[str] = (),
    publish: Sequence[str] = (),
) -> int:
    """Run the image that `word` means on our own terminal; returns the exit code, negative for a signal.

    Where its revision has an image on a base, that one runs: the one that this machine runs has no system of its own.
    `argv` runs in place of its entrypoint, unless it is empty; `env` and `publish` are as Docker's options.
    The image stays loaded in the engine, under the name `localhost/SITE:DIGEST`. Raises UsageError for an image that
    does not have the program, MachineError when no engine is there that answers.
    """
    wanted = choose(context, word)
    chosen = on_base(context, wanted) or wanted
    _require_program(contents(context, chosen.image), chosen, (*argv, *chosen.image.config.entrypoint))
    engine = _engine()
    name = f"localhost/{context.site.name}:{chosen.image.digest.hex[:12]}"
    _load(engine, context, chosen, name)
    options = [*(f"--env={each}" for each in env), *(f"--publish={each}" for each in publish)]
    return terminal.attach(_command(engine, name, argv, options), cwd=Path.cwd(), env=os.environ, account=None)


def _command(engine: str, name: str, argv: Sequence[str], options: Sequence[str]) -> list[str]:
    shared = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    program = [f"--entrypoint={argv[0]}"] if argv else []
    return [engine, "run", "--rm", "--interactive", *shared, *options, *program, name, *argv[1:]]


def _require_program(tree: Contents, chosen: Chosen, argv: Sequence[str]) -> None:
    if not argv:
        raise UsageError(f"the image of {chosen.name} has no entrypoint", remedy="Say what to run, behind `--`.")
    if any(_is_program(tree, place) for place in _places(chosen, argv[0])):
        return
    if tree.find("bin", follow=True) or tree.find("usr/bin", follow=True):
        raise UsageError(
            f"the image of {chosen.name} has no program {argv[0]}",
            evidence=[f"PATH={_path(chosen)}"],
            remedy=f"`pushlive image ls /usr/bin{chosen.option}` lists what there is.",
        )
    raise UsageError(
        f"the image of {chosen.name} has no base image below it, so nothing can run from it alone",
        evidence=[f"it has no program {argv[0]}", f"its layers: {', '.join(chosen.titles.values())}"],
        remedy=f"`pushlive build {chosen.revision[:7]} --base IMAGE` builds one that can. `pushlive run -- CMD` runs a "
        "command in the live release as it is.",
    )


def _places(chosen: Chosen, program: str) -> Iterator[str]:
    if "/" in program:
        yield posixpath.join("/", chosen.image.config.working_dir, program)
    else:
        yield from (posixpath.join("/", folder, program) for folder in _path(chosen).split(":"))


def _path(chosen: Chosen) -> str:
    return chosen.image.config.env.get("PATH", _PATH)


def _is_program(tree: Contents, path: str) -> bool:
    found = tree.find(path, follow=True)
    return found is not None and found.kind is Kind.FILE and bool(found.mode & 0o111)


def _engine() -> str:
    """The first engine that answers. Docker's program may be there while its daemon is not."""
    silent: dict[str, str] = {}
    for name in filter(shutil.which, _ENGINES):
        done = process.run([name, "version"], timeout=20)
        if done.ok:
            return name
        silent[name] = next(iter(done.errors.strip().splitlines()[-1:]), done.ending)
    if silent:
        raise MachineError(
            f"{' and '.join(silent)} is installed, but does not answer",
            evidence=list(silent.values()),
            remedy="Start it, or install Podman, which needs no daemon.",
        )
    raise MachineError(
        "neither Docker nor Podman is installed",
        remedy="Install one of them. `pushlive image ls` and `cat` look into an image without.",
    )


def _load(engine: str, context: Context, chosen: Chosen, name: str) -> None:
    """Have the engine know the image, unless it does. Its own name for it is one of the image's two digests."""
    known = process.run([engine, "image", "inspect", "--format", "{{.Id}}", name])
    ours = (chosen.image.digest.hex, export.config_digest(context.images, chosen.image).hex)
    if known.ok and known.output.strip().endswith(ours):
        return
    done = feed([engine, "load"], lambda sink: export.write(context.images, chosen.image, name, sink))
    if not done.ok:
        raise MachineError(f"{engine} does not load the image", evidence=done.output.strip().splitlines()[-3:])
