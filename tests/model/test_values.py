import importlib
import pkgutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pushlive import model
from pushlive.model.home import SITE_NAME, Home, SiteHome
from pushlive.model.image import BadDigestError, Digest
from pushlive.model.source import ZERO, Push, Revision
from pushlive.model.verification import Probe, Verification

MODULES = [importlib.import_module(f"pushlive.model.{found.name}") for found in pkgutil.iter_modules(model.__path__)]
VALUES = [
    value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
]
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_every_value_is_frozen(value):
    assert value.__struct_config__.frozen
    assert value.__doc__


def test_a_digest_is_read_and_shown():
    digest = Digest.parse("sha256:" + "ab" * 32)
    assert str(digest) == "sha256:" + "ab" * 32
    assert digest.hex == "ab" * 32
    assert digest == Digest.parse(str(digest))


@pytest.mark.parametrize(
    "text",
    ["", "ab" * 32, "sha256:" + "ab" * 31, "sha256:" + "AB" * 32, "sha512:" + "ab" * 32, "sha256:" + "ab" * 32 + "\n"],
)
def test_what_is_no_digest_is_refused_with_the_text(text):
    with pytest.raises(BadDigestError, match="is not sha256: and 64 hexadecimal digits"):
        Digest.parse(text)


@pytest.mark.parametrize("name", ["a", "shop", "my-shop-2", "a" * 40, "9"])
def test_a_site_s_name(name):
    assert SITE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a" * 41, "A", "a.b", "a/b", "..", "ä", "a\n"])
def test_what_is_no_site_s_name(name):
    assert not SITE_NAME.fullmatch(name)


def test_sites_are_those_that_were_set_up(tmp_path):
    home = Home(tmp_path)
    assert home.sites == ()
    for name in ("shop", "blog", "half"):
        home.site(name).path.mkdir(parents=True)
    for name in ("shop", "blog"):
        home.site(name).record.write_text("{}")
    assert [site.name for site in home.sites] == ["blog", "shop"]


def test_nothing_of_a_site_is_outside_of_its_folder():
    site = SiteHome(Path("/state/sites/shop"))
    places = [getattr(site, name) for name, kind in vars(SiteHome).items() if isinstance(kind, property)]
    paths = [place for place in places if isinstance(place, Path)]
    assert len(paths) > 8
    assert len(set(paths)) == len(paths)
    assert all(path.parent == site.path for path in paths)


@pytest.mark.parametrize(
    ("push", "branch", "tag", "creates", "deletes"),
    [
        (Push(SHA, SHA, "refs/heads/master"), "master", None, False, False),
        (Push(ZERO, SHA, "refs/heads/feature/x"), "feature/x", None, True, False),
        (Push(SHA, ZERO, "refs/tags/v1"), None, "v1", False, True),
        (Push(ZERO, SHA, "refs/notes/commits"), None, None, True, False),
    ],
)
def test_a_push_says_what_it_does(push, branch, tag, creates, deletes):
    assert (push.branch, push.tag, push.creates, push.deletes) == (branch, tag, creates, deletes)


def test_a_revision_is_shown_as_git_shows_it():
    revision = Revision(SHA, "Mend the slip\n\nIt said Vsits.\n", datetime.now(UTC))
    assert (revision.short, revision.subject) == ("0123456", "Mend the slip")


def test_verifications_join_in_their_order_and_a_warning_stands_once():
    probe = Probe("unix:/a", "/", 200, 0.1, SHA, "v1", "v1-1")
    joined = Verification((probe,), ("an image", "a style")).joined(Verification((probe,), ("an image",)))
    assert joined == Verification((probe, probe), ("an image", "a style"))
