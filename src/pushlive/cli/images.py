"""`pushlive build` and `image`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushlive import pipeline
from pushlive.cli import inside
from pushlive.cli.folder import repository
from pushlive.cli.options import json_option, names_of_targets, on_site
from pushlive.cli.output import show_json
from pushlive.cli.report import reporter

if TYPE_CHECKING:
    from pushlive.pipeline import Published, Target


@click.command(epilog="Example:  pushlive build master --push ghcr.io/me/mysite")
@click.argument("revision", required=False)
@click.option(
    "--push", "to", metavar="NAME", help="Push it there, as [REGISTRY/]REPOSITORY[:TAG]: under its revision and TAG."
)
@click.option(
    "--to",
    "named",
    metavar="TARGET",
    shell_complete=names_of_targets,
    help="Push it to the registry of [target.TARGET] in the site file, as the site is called.",
)
@click.option("--base", metavar="IMAGE", help="What it stands on, in the place of the site file's [build] base.")
@click.option(
    "--platform",
    "platforms",
    metavar="LIST",
    help="For which platforms, with commas between them: linux/amd64,linux/arm64. Default: this machine's.",
)
@click.option(
    "--insecure", is_flag=True, help="Speak plain HTTP to the registry that is pushed to, on another machine too."
)
@click.option("--attest/--no-attest", default=True, help="Attach an SBOM and the provenance to what is pushed.")
@click.option(
    "--sign/--no-sign",
    default=None,
    help="Have cosign sign what is pushed. Default: when it is there, and an identity in the environment.",
)
@click.option(
    "--sign-key", "key", metavar="REF", help="Sign with this key: a file, or a key service as cosign names it."
)
@on_site
def build(
    revision: str | None,
    to: str | None,
    named: str | None,
    base: str | None,
    platforms: str | None,
    key: str | None,
    wanted: str | None,
    *,
    insecure: bool,
    attest: bool,
    sign: bool | None,
    as_json: bool,
) -> None:
    """Build the image of REVISION, which was pushed before; deliver nothing.

    Alone it is the image that this machine runs, in the site's OCI layout. With --push, --to, --base or --platform it
    stands on a base image, so that any container engine can run it.
    """
    _require_said({"--push": to, "--to": named, "--base": base, "--platform": platforms, "--sign-key": key})
    if sign is False and key:
        raise click.UsageError("--sign-key and --no-sign exclude each other.")
    if to and named:
        raise click.UsageError("--push and --to exclude each other: both say where to.")
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    report = reporter(as_json=as_json)
    if to or named or base or platforms or sign or key:
        target = _target(to, named, base, platforms, insecure=insecure, attest=attest, sign=sign, key=key)
        _show_published(pipeline.publish(context, revision, target, report), context.site.images, as_json=as_json)
        return
    made = pipeline.build_only(context, revision, report)
    if as_json:
        show_json({"image": str(made.digest), "layout": str(context.site.images)})
    else:
        click.echo(f"{made.digest}\nin the OCI layout {context.site.images}")


def _require_said(options: Mapping[str, str | None]) -> None:
    """A variable that is not set must not make a push into none: `--push "$IMAGE"`."""
    for name, value in options.items():
        if value is not None and not value.strip():
            raise click.BadParameter("it is empty; is a variable not set?", param_hint=name)


def _target(
    to: str | None,
    named: str | None,
    base: str | None,
    platforms: str | None,
    *,
    insecure: bool,
    attest: bool,
    sign: bool | None,
    key: str | None,
) -> "Target":
    from pushlive.model.image import Platform  # noqa: PLC0415
    from pushlive.registry.reference import Reference  # noqa: PLC0415 - plain builds need no registry

    try:
        parsed = [Platform.parse(each.strip()) for each in platforms.split(",")] if platforms else []
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--platform") from error
    chosen = tuple(dict.fromkeys(parsed))
    where = Reference.parse(to) if to else None
    if where and where.digest:
        raise click.BadParameter(
            f"{to} names a content, and what is built has its own. Leave @{where.digest} out.", param_hint="--push"
        )
    return pipeline.Target(where, base or "", chosen, insecure, attest, sign, key or "", named or "")


def _show_published(made: "Published", layout: Path, *, as_json: bool) -> None:
    pushed = made.pushed
    if as_json:
        more = {"reference": str(pushed.reference), "tags": pushed.tags, "sent": pushed.sent_bytes} if pushed else {}
        more |= {"signed": made.signed} if pushed else {}
        show_json({"image": made.image, "base": made.base, "layout": str(layout)} | more)
    elif pushed:
        click.echo("\n".join([str(pushed.reference), *(f"tagged {tag}" for tag in pushed.tags)]))
    else:
        click.echo(f"{made.image}\nin the OCI layout {layout}" if made.base else made.image)


@click.group(epilog="Example:  pushlive image prune")
def image() -> None:
    """Look after the images of a site."""


for command in inside.COMMANDS:
    image.add_command(command)


@image.command(epilog="Example:  pushlive image lock && git add pushlive.lock", short_help="Hold the base to a digest.")
@click.option("--insecure", is_flag=True, help="Speak plain HTTP to the registry, on another machine too.")
@json_option
def lock(*, insecure: bool, as_json: bool) -> None:
    """Look up what the base image's name stands for now, and write it into pushlive.lock in this repository.

    Builds of revisions with that file stand on exactly this base, until you run this again and commit.
    """
    folder = repository(Path.cwd()) or Path.cwd()
    held = pipeline.lock_base(pipeline.home(), folder, reporter(as_json=as_json), insecure=insecure)
    if as_json:
        show_json({"name": held.name, "digest": str(held.digest)})
    else:
        click.echo(f"{held.name}\n{held.digest}\nin pushlive.lock: commit it")


@image.command(epilog="Example:  pushlive image prune --keep 5", short_help="Remove what no kept release needs.")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=2),
    default=pipeline.KEPT_RELEASES,
    show_default=True,
    help="How many releases stay, the live one and the one before among them.",
)
@on_site
def prune(keep: int, wanted: str | None, *, as_json: bool) -> None:
    """Remove the files and images of releases that are not kept: those that were live last stay.

    A release without its files cannot be rolled back to; `pushlive deliver REVISION` builds it anew.

    Of images that `build` made, the newest stays. Packages and base images that no site of this machine has asked for
    in 30 days go too. It happens by itself once twice as much has gathered as is kept.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    done = pipeline.prune(context, keep)
    if as_json:
        show_json({"kept": done.kept, "freed": done.freed})
    else:
        click.echo(f"kept: {', '.join(done.kept) or 'nothing'}\nfreed: {done.freed / 1e6:,.1f} MB of images")
