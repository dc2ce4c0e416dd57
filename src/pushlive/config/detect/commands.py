"""Commands a build wants before static files are collected: a front end's, unless what it makes is committed."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from pushlive.config.detect.code import Source
from pushlive.config.detect.files import Files, join, parent
from pushlive.config.detect.hints import Hint, Kind
from pushlive.config.detect.toml import table
from pushlive.config.site import DEFAULT, Fact

_CONFIGURATIONS = (
    *(
        f"{tool}.config.{kind}"
        for tool in ("webpack", "vite", "rollup", "esbuild")
        for kind in ("js", "mjs", "cjs", "ts")
    ),
    *("gulpfile.js", "esbuild.js", "build.js"),
)
_OUTPUT_OPTION = r"(?:\s-o|--output(?:-path|-file)?|--out-?(?:dir|file)|--dist-dir)[\s=]+[\"']?([\w./@-]+)"
_OUTPUT_KEY = r"\b(?:outDir|outfile|outdir|file|dir)\s*:\s*[\"'`]([\w./@-]+)[\"'`]"
_OUTPUT_PATH = r"\bpath\s*:\s*(?:path\.)?(?:resolve|join)\(([^)]*)\)"
_QUOTED = r"[\"'`]([\w./@-]+)[\"'`]"
_USUAL = ("dist", "build", "static/dist", "static/build", "static/bundles", "staticfiles")
_MADE = (".js", ".css", ".mjs", ".map", ".json", ".html")
_ASIDE = frozenset({"docs", "doc", "tests", "test", "examples", "example", "e2e"})
_COMPRESS = "python manage.py compress --force"


class Build(msgspec.Struct, frozen=True):
    """The commands, and what says so."""

    commands: tuple[str, ...]
    origin: str = DEFAULT


def detect(files: Files, *, root: str, settings: Sequence[Source], wanted: frozenset[str]) -> Build:
    """What to run in the top of the tree. `settings` are the files of the settings module."""
    front = next(_front_ends(files, root, settings), None)
    found = _front_end(files, front) if front is not None else ()
    offline = _compressed_offline(settings) if "django-compressor" in wanted else ""
    commands = (*found, *((_COMPRESS,) if offline else ()))
    return Build(commands, (front if found and front else offline) or DEFAULT)


def facts(build: Build) -> tuple[Fact, ...]:
    """What is run, as `check` shows it."""
    return tuple(Fact("build.commands", command, build.origin) for command in build.commands)


def release(hints: Sequence[Hint]) -> Hint | None:
    """The command that a Procfile or its like runs before the switch; several of one file are run one by one."""
    said = [hint for hint in hints if hint.kind is Kind.RELEASE]
    texts = dict.fromkeys(hint.text for hint in said if hint.path == said[0].path)
    return msgspec.structs.replace(said[0], text=" && ".join(texts)) if said else None


def other_releases(hints: Sequence[Hint], chosen: Hint) -> tuple[Fact, ...]:
    """What other files would run before the switch, for another host, and `chosen` does not."""
    others = (hint for hint in hints if hint.kind is Kind.RELEASE and hint.path != chosen.path)
    texts = chosen.text.split(" && ")
    return tuple(Fact("not run", f"release: {hint.text}", hint.origin) for hint in others if hint.text not in texts)


def unused(files: Files, root: str, hints: Sequence[Hint]) -> tuple[Fact, ...]:
    """What the repository has for its servers that pushlive does not act on."""
    names = ("gunicorn.conf.py", "uwsgi.ini")
    found = [
        path for folder in dict.fromkeys([root, ""]) for name in names if files.is_file(path := join(folder, name))
    ]
    passed = (Fact("not used", f"{path}: pushlive's server is told everything by pushlive", path) for path in found)
    others = (hint for hint in hints if hint.kind is Kind.OTHER)
    return (*passed, *(Fact("not run", f"{hint.name}: {hint.text}", hint.origin) for hint in others))


def _front_ends(files: Files, root: str, settings: Sequence[Source]) -> Iterator[str]:
    """package.json files with a build script: at the project or above it, or in a folder that the settings name."""
    folder = root
    near = [join(folder, "package.json")]
    while folder:
        folder = parent(folder)
        near.append(join(folder, "package.json"))
    below = [path for path in files.find("package.json", depth=3) if _is_named(path, root, settings)]
    for path in dict.fromkeys([*near, *below]):
        if _scripts(files, path).get("build") and not _ASIDE & set(parent(path).split("/")):
            yield path


def _is_named(path: str, root: str, settings: Sequence[Source]) -> bool:
    """A theme of django-tailwind, or a folder below the project whose name stands in the settings as a string."""
    folder = parent(path)
    if folder.endswith("/static_src"):
        return True
    if root and not folder.startswith(root + "/"):
        return False
    name = re.escape(folder.removeprefix(root).strip("/"))
    return bool(name) and any(re.search(rf"[\"']{name}[\"'/]", source.text) for source in settings)


def _front_end(files: Files, path: str) -> tuple[str, ...]:
    folder = parent(path)
    if _is_committed(files, folder, str(_scripts(files, path)["build"]), _scripts(files, path)):
        return ()
    if files.is_file(join(folder, "pnpm-lock.yaml")):
        at = f" --dir {folder}" if folder else ""
        return (f"pnpm{at} install --frozen-lockfile", f"pnpm{at} run build")
    if files.is_file(join(folder, "yarn.lock")):
        at = f" --cwd {folder}" if folder else ""
        return (f"yarn{at} install --frozen-lockfile", f"yarn{at} run build")
    at = f" --prefix {folder}" if folder else ""
    locked = files.first(join(folder, "package-lock.json"), join(folder, "npm-shrinkwrap.json"))
    return (f"npm{at} {'ci' if locked else 'install'}", f"npm{at} run build")


def _is_committed(files: Files, folder: str, build: str, scripts: dict[str, object]) -> bool:
    """Whether what the build makes is in the tree already: the outputs it names, else the usual folders of outputs."""
    named = set(_outputs(files, folder, " ; ".join([build, *map(str, scripts.values())])))
    if named:
        return any(_holds_output(files, join(folder, path)) for path in named)
    return any(_holds_output(files, join(folder, path)) for path in _USUAL)


def _outputs(files: Files, folder: str, scripts: str) -> Iterator[str]:
    yield from re.findall(_OUTPUT_OPTION, scripts)
    for name in _CONFIGURATIONS:
        content = files.text(join(folder, name)) or ""
        yield from re.findall(_OUTPUT_KEY, content)
        for arguments in re.findall(_OUTPUT_PATH, content):
            if parts := re.findall(_QUOTED, arguments):
                yield "/".join(parts)


def _holds_output(files: Files, path: str) -> bool:
    if files.is_file(path):
        return True
    names = files.names(path)
    return any(name.endswith(_MADE) for name in names) or any(
        name.endswith(_MADE) for folder in names for name in files.names(join(path, folder))
    )


def _scripts(files: Files, path: str) -> dict[str, object]:
    try:
        return table(msgspec.json.decode(files.text(path) or "{}"), "scripts")
    except (ValueError, RecursionError):
        return {}


def _compressed_offline(settings: Sequence[Source]) -> str:
    """Where COMPRESS_OFFLINE is switched on; empty when nowhere."""
    for source in settings:
        if found := re.search(r"^\s*COMPRESS_OFFLINE\s*=\s*True\b", source.text, re.MULTILINE):
            return f"{source.path}:{source.text.count(chr(10), 0, found.start()) + 1}"
    return ""
