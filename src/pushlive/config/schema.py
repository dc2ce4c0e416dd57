r"""The site file: its sections, their meaning and their defaults. The JSON Schema and the reference come from here.

A section is frozen; a key that is not listed is an error. Sizes are Kubernetes quantities (`64Mi`, `250m`). Patterns
end in `$(?!\n)` because Python's `$` alone lets a line end through; JSON Schema reads both alike.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Name = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$(?!\n)", description="a-z, 0-9 and '-', at most 40")
]
Size = Annotated[
    str, Meta(pattern=r"^[0-9]{1,15}(Ki|Mi|Gi|k|M|G)?$(?!\n)", description="bytes, or with Ki, Mi, Gi, k, M, G")
]
Cpu = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?m?$(?!\n)", description="cores, or thousandths with m: 250m")]
Variable = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", description="the name of an environment variable")
]
Value = Annotated[str, Meta(pattern=r"^[^\x00]*$", description="text without a NUL character")]
Callable_ = Annotated[
    str, Meta(pattern=r"^[\w.]+(:[\w.]+(\(\))?)?$(?!\n)", description="module:callable, as gunicorn takes it")
]
Module = Annotated[
    str, Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$(?!\n)", description="a dotted module name: proj.settings")
]
Address = Annotated[
    str, Meta(pattern=r"^https?://[^\s@\x00-\x1f\x7f]+$(?!\n)", description="a URL without credentials")
]
InTree = Annotated[
    str,
    Meta(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\x00-\x1f\x7f]+$(?!\n)", description="a path inside the repository"),
]


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What all sections share."""


class SiteSection(Section, frozen=True):
    """[site] The site's name and the host names people use for it."""

    name: Name | None = None
    """The folder's name when it is missing, or the name given to `pushlive create`."""
    hosts: tuple[str, ...] = ()
    """Host names without scheme, port or path; `.example.com` is every name below it too. The site is told to allow
    them, and the first one is used for checks."""
    source: Address | None = None
    """Where its source is kept, for the label of its images. Detected from pyproject.toml's [project.urls]."""


class AppSection(Section, frozen=True):
    """[app] Where the application is; all of it is detected."""

    root: InTree | None = None
    """The folder the application runs in: the one with manage.py. `.` is the top of the repository."""
    wsgi: Callable_ | None = None
    """The WSGI application: `proj.wsgi:application`. Set this or `asgi`, not both."""
    asgi: Callable_ | None = None
    """The ASGI application: `proj.asgi:application`."""
    settings: Module | None = None
    """The settings module the site runs with: `proj.settings.production`."""
    manage: InTree | None = None
    """manage.py, from the top of the repository."""


class BuildSection(Section, frozen=True):
    """[build] How the image is made."""

    python: str | None = None
    """A version (`3.13`) or a specifier (`>=3.12,<3.14`). Detected from .python-version, requires-python and others."""
    base: str | None = None
    """The base image of what is pushed to a registry. Default: `python:VERSION-slim` for the site's Python."""
    lock: InTree | None = None
    """The file that holds the base to a digest; `pushlive image lock` writes it. Default: `pushlive.lock`, if there."""
    commands: tuple[str, ...] | None = None
    """What runs in the tree before collectstatic. Detected from package.json; an empty list runs nothing."""
    timeout: Annotated[int, Meta(gt=0)] = 1800
    """Seconds each of the commands may take."""
    dockerfile: InTree | None = None
    """A Dockerfile an installed builder is to build instead."""
    requirements: tuple[InTree, ...] | None = None
    """The files that say what to install: requirements files, or one lock file or pyproject.toml."""
    static: bool = True
    """Collect static files into the image."""
    ignore: tuple[str, ...] = ()
    """Patterns of paths that stay out of the image, besides what is left out of every image."""


class ReleaseSection(Section, frozen=True):
    """[release] What runs from the new image before the switch."""

    command: str | None = None
    """Detected from Procfile and its like, else migrations where there is a database. An empty command runs nothing."""
    timeout: Annotated[int, Meta(gt=0)] = 600
    """Seconds the command may take."""


class Autoscale(Section, frozen=True):
    """[run] autoscale: between how many replicas, at which CPU use."""

    min: Annotated[int, Meta(ge=1)] = 2
    """The fewest replicas."""
    max: Annotated[int, Meta(ge=1)] = 10
    """The most replicas."""
    cpu: Annotated[int, Meta(ge=1, le=100)] = 70
    """The CPU use aimed at, in percent of what a replica asks for."""


class Resources(Section, frozen=True):
    """[run] resources: what one replica asks for."""

    cpu: Cpu | None = None
    """`250m` is a quarter of a core."""
    memory: Size | None = None
    """`256Mi`."""


class RunSection(Section, frozen=True):
    """[run] How the release runs."""

    replicas: Annotated[int, Meta(ge=1, le=64)] = 2
    """How many copies run."""
    threads: Annotated[int, Meta(ge=1, le=256)] = 4
    """How many requests one replica answers at a time (WSGI)."""
    autoscale: Autoscale | None = None
    """On Kubernetes, how many replicas by load, in place of `replicas`."""
    resources: Resources = field(default_factory=Resources)
    """What one replica asks for."""
    env: dict[Variable, Value] = field(default_factory=dict)
    """Environment variables that are no secret. Nothing pushlive supplies replaces them."""
    secrets: tuple[Variable, ...] = ()
    """Names of secret variables; their values are set by `pushlive env set`."""
    supply: bool = True
    """Fill in safe values for what the settings leave to the environment."""
    start_timeout: Annotated[int, Meta(gt=0)] = 60
    """Seconds a replica may take to its first answer."""
    stop_timeout: Annotated[int, Meta(gt=0)] = 30
    """Seconds a replica may take to finish its requests."""
    warm: bool = True
    """Fork replicas from a process that has imported Django. It takes 45 MiB, most of it shared with what it forks."""
    media: bool = False
    """Serve uploaded files (MEDIA_ROOT below MEDIA_URL), to everyone."""


class DataSection(Section, frozen=True):
    """[data] What is kept across releases."""

    paths: tuple[InTree, ...] | None = None
    """Files and folders in the repository; a name without a dot, or with a slash at its end, is a folder. Detected
    from DATABASES (SQLite), MEDIA_ROOT and LOGGING's files."""


class CacheSection(Section, frozen=True):
    """[cache] memcached; the site finds it in MEMCACHED_SERVERS as host:port,host:port."""

    memory: Size = "64Mi"
    """For items, at least 1Mi."""
    replicas: Annotated[int, Meta(ge=1, le=64)] = 1
    """How many servers run."""
    max_item_size: Size = "1Mi"
    """The largest item: from 1Ki to half of `memory`."""
    connections: Annotated[int, Meta(ge=1)] = 1024
    """How many clients may be connected at a time."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 4
    """memcached's worker threads."""
    servers: tuple[str, ...] = ()
    """Servers that run elsewhere, host:port; then none is started."""


class VerifySection(Section, frozen=True):
    """[verify] What the page must show before it counts as live."""

    path: Annotated[str, Meta(pattern=r"^/[^\x00-\x20\x7f]*$(?!\n)", description="a path that begins with /")] = "/"
    """The page to look at."""
    status: Annotated[int, Meta(ge=100, le=599)] | None = None
    """The status it must have. Without one any answer will do but 400 and 5xx."""
    contains: str = ""
    """Text that must be on the page."""
    timeout: Annotated[int, Meta(gt=0)] = 30
    """Seconds until the page must be right."""


class TriggerSection(Section, frozen=True):
    """[[trigger]] Which push starts a delivery. Without any, a push to the default branch does.

    Patterns are globs: `*`, `?` and `[a-z]` within one path component, `**` across them, `{a,b}` for either.
    """

    branch: str | None = None
    """A pattern for branch names: `master`, `release-*`. With neither `branch` nor `tag`: the default branch."""
    tag: str | None = None
    """A pattern for tag names: `v*`."""
    include: tuple[str, ...] = ()
    """Patterns of paths; with any, only a push that changes one of them counts."""
    ignore: tuple[str, ...] = ()
    """Patterns of paths whose changes never count."""
    run: tuple[str, ...] | None = None
    """A program and its arguments, run in place of a delivery."""


class TargetSection(Section, frozen=True):
    """[target.NAME] A named place to deliver to."""

    engine: Literal["local", "kubernetes"] = "local"
    """What runs there."""
    listen: str | None = None
    """local: the public address, host:port."""
    context: str | None = None
    """kubernetes: the context of the kubeconfig."""
    namespace: Name | None = None
    """kubernetes: the namespace."""
    registry: str | None = None
    """Where `pushlive build --to NAME` pushes images to, under the site's name: `ghcr.io/me` is `ghcr.io/me/SITE`."""
    route: Literal["gateway", "ingress"] = "gateway"
    """kubernetes: how requests come in."""
    tls: str = "none"
    """kubernetes: `cert-manager:ISSUER`, `gke-managed` or `none`."""


class SiteFile(Section, frozen=True):
    """A whole pushlive.toml."""

    site: SiteSection = field(default_factory=SiteSection)
    app: AppSection = field(default_factory=AppSection)
    build: BuildSection = field(default_factory=BuildSection)
    release: ReleaseSection = field(default_factory=ReleaseSection)
    run: RunSection = field(default_factory=RunSection)
    data: DataSection = field(default_factory=DataSection)
    cache: CacheSection | None = None
    verify: VerifySection = field(default_factory=VerifySection)
    trigger: tuple[TriggerSection, ...] = ()
    target: dict[Name, TargetSection] = field(default_factory=dict)
