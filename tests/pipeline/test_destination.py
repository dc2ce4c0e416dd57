"""Which repository a target of the site file means."""

import pytest

from pushlive.config.read import parse
from pushlive.model.errors import SettingsError, UsageError
from pushlive.pipeline.destination import addressed
from pushlive.pipeline.target import Target
from pushlive.registry.reference import Reference


def meant(registry, site="shop", text=""):
    file = parse(f'{text}\n[target.production]\nregistry = "{registry}"\n')
    return str(addressed(Target(named="production"), file, site).to)


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("europe-docker.pkg.dev/project/sites", "europe-docker.pkg.dev/project/sites/shop"),
        ("ghcr.io", "ghcr.io/shop"),
        ("localhost:5000/", "localhost:5000/shop"),
        ("me", "docker.io/me/shop"),
    ],
)
def test_it_is_below_the_registry_and_called_as_the_site(registry, name):
    assert meant(registry) == name


def test_the_name_that_the_site_file_gives_counts_wherever_the_site_is():
    assert meant("ghcr.io/me", "renamed", '[site]\nname = "shop"') == "ghcr.io/me/shop"


def test_without_a_target_nothing_changes():
    wanted = Target(Reference.parse("ghcr.io/me/site"))
    assert addressed(wanted, parse(""), "shop") is wanted


@pytest.mark.parametrize("registry", ["ghcr.io/me:1", "ghcr.io/Me", "ghcr.io//me", "ghcr.io/me@sha256:0", "a b", "/"])
def test_what_is_no_registry_is_told_with_its_place(registry):
    with pytest.raises(SettingsError, match="is no name of an image") as caught:
        meant(registry)
    assert caught.value.where == "pushlive.toml, [target.production] registry"
    assert 'registry = "ghcr.io/me"' in caught.value.remedy


def test_an_address_is_told_without_its_scheme():
    with pytest.raises(SettingsError, match="is an address") as caught:
        meant("https://ghcr.io/me")
    assert caught.value.remedy == "Leave https:// out: ghcr.io/me"


def test_a_target_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UsageError, match="there is no target staging") as caught:
        addressed(Target(named="staging"), parse("[target.production]\n"), "shop")
    assert caught.value.evidence == ("its targets: production",)
    with pytest.raises(UsageError) as caught:
        addressed(Target(named="staging"), parse(""), "shop")
    assert caught.value.evidence == ("it has no [target.NAME]",)


def test_a_target_without_a_registry_is_told():
    with pytest.raises(UsageError, match="the target production has no registry") as caught:
        addressed(Target(named="production"), parse("[target.production]\n"), "shop")
    assert "--push NAME" in caught.value.remedy
