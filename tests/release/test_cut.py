from datetime import UTC, datetime

import msgspec
import pytest

from pushlive.config.schema import SiteFile
from pushlive.model.errors import ReleaseError
from pushlive.model.image import Digest, Image, ImageConfig
from pushlive.model.release import CacheSpec, SuppliedSetting
from pushlive.release import Parts, Stored, cut

IMAGE = Image(Digest("sha256:" + "a" * 64), (), ImageConfig(("python",), "/app", "1000"))
KEPT_KEY = SuppliedSetting("SECRET_KEY", "canary-value", "kept for this site", secret=True)
HOSTS = SuppliedSetting("ALLOWED_HOSTS", "shop.example", "the site's hosts")


def release(toml: str = "", stored: Stored | None = None, **parts: object):
    given = {"revision": "ab" * 20, "image": IMAGE, "created": datetime(2026, 1, 2, tzinfo=UTC)}
    site_file = msgspec.toml.decode(toml, type=SiteFile)
    return cut(Parts(**(given | {"server": "wsgi"} | parts)), site_file, stored or Stored())


def refused(toml: str, stored: Stored | None = None) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        release(toml, stored)
    return caught.value


def test_takes_the_site_files_word_over_what_was_detected() -> None:
    assert release('[data]\npaths = ["media"]', data=("db.sqlite3",)).data == ("media/",)


def test_takes_what_was_detected_where_the_site_file_is_silent() -> None:
    assert release(command="migrate", data=("db.sqlite3",)).data == ("db.sqlite3",)


def test_tells_the_wrapper_about_threads_and_the_time_to_stop() -> None:
    env = release("[run]\nthreads = 8\nstop_timeout = 5").env
    assert env == {"PUSHLIVE_THREADS": "8", "PUSHLIVE_STOP_TIMEOUT": "5"}


def test_never_supplies_what_the_user_has_set() -> None:
    assert release(supplied=(HOSTS,)).supplied == (HOSTS,)
    assert release('[run]\nenv = { ALLOWED_HOSTS = "*" }', supplied=(HOSTS,)).supplied == ()
    assert release("", Stored("1", frozenset({"ALLOWED_HOSTS"})), supplied=(HOSTS,)).supplied == ()


def test_supplies_nothing_when_the_site_file_says_so() -> None:
    assert release("[run]\nsupply = false", supplied=(HOSTS,)).supplied == ()


def test_holds_no_value_of_a_secret() -> None:
    cut_release = release("", Stored("1", frozenset({"SECRET_KEY"})), supplied=(KEPT_KEY,))
    assert cut_release.secrets == ("SECRET_KEY",)
    assert [one.name for one in cut_release.supplied] == ["SECRET_KEY"]
    assert "canary" not in repr(cut_release)


def test_every_stored_name_reaches_the_site_without_being_listed() -> None:
    cut_release = release("", Stored("1", frozenset({"STRIPE_KEY", "A"})))
    assert (cut_release.secrets, cut_release.secrets_version) == (("A", "STRIPE_KEY"), "1")


def test_a_secret_without_a_value_is_named_with_the_command_that_sets_it() -> None:
    error = refused('[run]\nsecrets = ["A", "B", "C"]', Stored("1", frozenset({"B"})))
    assert error.cause == "A and C have no value yet"
    assert error.remedy == "Run `pushlive env set A=... C=...`, with values in place of the dots."


def test_pushlives_own_names_are_refused() -> None:
    error = refused('[run]\nenv = { PUSHLIVE_REVISION = "x" }')
    assert error.evidence == ("PUSHLIVE_REVISION: names that begin with PUSHLIVE_ are pushlive's own",)


def test_a_name_that_is_plain_and_secret_at_once_is_refused() -> None:
    error = refused('[run]\nenv = { KEY = "x" }\nsecrets = ["KEY"]', Stored("1", frozenset({"KEY"})))
    assert error.evidence == ("KEY: stands in env, where all can read it, and in secrets",)


def test_memcached_comes_with_its_settings_or_because_the_site_asks_for_it() -> None:
    assert release().cache is None
    assert release(memcached=True).cache == CacheSpec()
    asked = release(memcached=True, cache_variables=("MEMCACHIER_SERVERS",)).cache
    assert asked == CacheSpec(variables=("MEMCACHED_SERVERS", "MEMCACHIER_SERVERS"))
    toml = (
        '[cache]\nmemory = "128Mi"\nmax_item_size = "2Mi"\nthreads = 2\nconnections = 64\nservers = ["10.0.0.3:11211"]'
    )
    assert release(toml).cache == CacheSpec(128 * 2**20, 2 * 2**20, 64, 2, ("10.0.0.3:11211",))


def test_keeps_what_the_page_must_show() -> None:
    cut_release = release('[verify]\npath = "/x"\nstatus = 200\ncontains = "y"')
    assert (cut_release.verify_path, cut_release.verify_status, cut_release.verify_contains) == ("/x", 200, "y")
