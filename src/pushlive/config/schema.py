"""The site file: its sections, their meaning and their defaults. The JSON Schema and the reference come from here.

A section is frozen; a key that is not listed is an error. Sizes are Kubernetes quantities (`64Mi`, `250m`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", description="a-z, 0-9 and '-', at most 40")]
Size = Annotated[str, Meta(pattern=r"^[0-9]+(Ki|Mi|Gi|k|M|G)?$", description="bytes, or with Ki, Mi, Gi, k, M, G")]
Cpu = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?m?$", description="cores, or thousandths with m: 250m")]
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the name of an environment variable")]
Callable_ = Annotated[str, Meta(pattern=r"^[\w.]+(:[\w.]+)?$", description="module:callable, as gunicorn takes it")]
InTree = Annotated[str, Meta(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$", description="a path inside the repository")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What all sections share."""


class SiteSection(Section, frozen=True):
    """[site] The site's name and the host names people use for it."""

    name: Name | None = None
    hosts: tuple[str, ...] = ()


class AppSection(Section, frozen=True):
    """[app] Where the application is; all of it is detected."""

    root: InTree | None = None
    wsgi: Callable_ | None = None
    asgi: Callable_ | None = None
    settings: str | None = None
    manage: InTree | None = None


class BuildSection(Section, frozen=True):
    """[build] How the image is made. `commands` run before collectstatic."""

    python: str | None = None
    base: str | None = None
    commands: tuple[str, ...] | None = None
    dockerfile: InTree | None = None
    requirements: tuple[InTree, ...] | None = None
    static: bool = True
    ignore: tuple[str, ...] = ()


class ReleaseSection(Section, frozen=True):
    """[release] What runs from the new image before the switch; an empty command runs nothing."""

    command: str | None = None
    timeout: Annotated[int, Meta(gt=0)] = 600


class Autoscale(Section, frozen=True):
    """[run] autoscale: how many replicas, at which CPU use in percent."""

    min: Annotated[int, Meta(ge=1)] = 2
    max: Annotated[int, Meta(ge=1)] = 10
    cpu: Annotated[int, Meta(ge=1, le=100)] = 70


class Resources(Section, frozen=True):
    """[run] resources: what one replica asks for."""

    cpu: Cpu | None = None
    memory: Size | None = None


class RunSection(Section, frozen=True):
    """[run] How the release runs. `start_timeout` and `stop_timeout` in seconds."""

    replicas: Annotated[int, Meta(ge=1, le=64)] = 2
    threads: Annotated[int, Meta(ge=1, le=256)] = 4
    autoscale: Autoscale | None = None
    resources: Resources = field(default_factory=Resources)
    env: dict[Variable, str] = field(default_factory=dict)
    secrets: tuple[Variable, ...] = ()
    supply: bool = True
    start_timeout: Annotated[int, Meta(gt=0)] = 60
    stop_timeout: Annotated[int, Meta(gt=0)] = 30
    media: bool = False


class DataSection(Section, frozen=True):
    """[data] Paths in the repository that are kept across releases; detected from DATABASES and MEDIA_ROOT."""

    paths: tuple[InTree, ...] | None = None


class CacheSection(Section, frozen=True):
    """[cache] memcached. `servers` names ones that run elsewhere."""

    memory: Size = "64Mi"
    replicas: Annotated[int, Meta(ge=1, le=64)] = 1
    max_item_size: Size = "1Mi"
    connections: Annotated[int, Meta(ge=1)] = 1024
    threads: Annotated[int, Meta(ge=1, le=64)] = 4
    servers: tuple[str, ...] = ()


class VerifySection(Section, frozen=True):
    """[verify] What the page must show before it counts as live. No status: any answer but 400 and 5xx."""

    path: Annotated[str, Meta(pattern=r"^/")] = "/"
    status: Annotated[int, Meta(ge=100, le=599)] | None = None
    contains: str = ""
    timeout: Annotated[int, Meta(gt=0)] = 30


class TriggerSection(Section, frozen=True):
    """[[trigger]] Which push starts a delivery, or with `run` a command instead of one."""

    branch: str | None = None
    tag: str | None = None
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    run: tuple[str, ...] | None = None


class TargetSection(Section, frozen=True):
    """[target.NAME] A named place to deliver to."""

    engine: Literal["local", "kubernetes"] = "local"
    listen: str | None = None
    context: str | None = None
    namespace: Name | None = None
    registry: str | None = None
    route: Literal["gateway", "ingress"] = "gateway"
    tls: str = "none"


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
