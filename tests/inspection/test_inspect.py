"""Real Django sites, each with one of the habits that real repositories have."""

import importlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from pushlive.inspection import App, Wishes, inspect, placeholder
from pushlive.model.errors import BuildError, ReleaseError
from pushlive.model.events import Output
from pushlive.model.release import SuppliedSetting
from tests.inspection.sites import HEAD, MANAGE, django_site, line_of, write

CHAINED = """\
try:
    TOKEN = os.environ["API_TOKEN"]
except KeyError as error:
    raise RuntimeError("set the variables") from error
"""
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


def test_a_site_that_leaves_nothing_open_is_asked_once_and_supplied_nothing(site, inspected, asked):
    found = inspected(site())
    assert len(asked) == 1
    assert found.supplied == ()
    assert found.remarks == ()
    assert found.django.startswith("5.2")


def test_says_where_the_data_is_and_how_the_pages_are_reached(site, inspected):
    found = inspected(site('MEDIA_ROOT = BASE_DIR / "uploads"\nMEDIA_URL = "/files/"\n'))
    assert found.data == ("db.sqlite3", "uploads/")
    assert (found.media.url, found.media.folder) == ("/files/", "uploads")
    assert found.host == "localhost"
    assert not found.cache_wanted


class TestSecretKey:
    def test_a_missing_one_is_made_and_its_place_named(self, site, inspected):
        tree = site('SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]\n')
        (key,) = inspected(tree).supplied
        assert key.name == "DJANGO_SECRET_KEY"
        assert key.secret
        assert len(key.value) >= 50
        assert line_of(tree, "DJANGO_SECRET_KEY") in key.reason

    def test_the_remembered_one_is_given_again_in_one_asking(self, site, inspected, asked):
        tree = site('SECRET_KEY = os.environ["SECRET_KEY"]\nDEBUG = os.environ.get("DEBUG", "1") == "1"\n')
        first = inspected(tree)
        asked.clear()
        second = inspected(tree, remembered=first.supplied)
        assert len(asked) == 1
        assert second.supplied == first.supplied

    def test_a_default_in_the_repository_is_not_used(self, site, supplied):
        assert "KEY" in supplied(site('SECRET_KEY = os.environ.get("KEY", "django-insecure-abc")\n'))

    def test_one_that_is_drawn_in_each_process_is_made_once(self, site, inspected):
        found = inspected(site('import secrets\nSECRET_KEY = os.getenv("KEY", secrets.token_urlsafe(50))\n'))
        assert [each.name for each in found.supplied] == ["KEY"]
        assert found.remarks == ()

    def test_one_that_is_drawn_and_cannot_be_given_is_a_warning(self, site, inspected):
        code = "from django.core.management.utils import get_random_secret_key\nSECRET_KEY = get_random_secret_key()\n"
        (remark,) = inspected(site(code)).remarks
        assert remark.warning
        assert "drawn anew in each process" in remark.text

    def test_another_key_of_a_like_name_is_not_made(self, site, inspected):
        with pytest.raises(ReleaseError, match=r"pushlive env set STRIPE_SECRET_KEY="):
            inspected(site('STRIPE = os.environ["STRIPE_SECRET_KEY"]\n'))

    def test_the_users_own_is_left_alone(self, site, inspected):
        tree = site('SECRET_KEY = os.environ["SECRET_KEY"]\n')
        assert inspected(tree, secrets={"SECRET_KEY": "x" * 50}).supplied == ()

    def test_an_empty_one_that_nothing_leads_to_is_an_error(self, site, inspected):
        with pytest.raises(ReleaseError, match="SECRET_KEY is empty"):
            inspected(site('SECRET_KEY = ""\n'))

    def test_an_empty_default_is_filled(self, site, supplied):
        assert "SECRET_KEY" in supplied(site('SECRET_KEY = os.environ.get("SECRET_KEY", "")\n'))


class TestHosts:
    @pytest.mark.parametrize(
        ("code", "value"),
        [
            ('ALLOWED_HOSTS = os.environ["HOSTS"].split(",")', "site.test,localhost"),
            ('ALLOWED_HOSTS = os.environ.get("HOSTS", "").split()', "site.test localhost"),
            ('import json\nALLOWED_HOSTS = json.loads(os.environ.get("HOSTS", "[]"))', '["site.test", "localhost"]'),
            (
                'ALLOWED_HOSTS = []\nif v := os.getenv("HOSTS"):\n    ALLOWED_HOSTS += v.split(";")',
                "site.test;localhost",
            ),
        ],
    )
    def test_are_given_in_the_form_the_settings_take(self, site, supplied, code, value):
        found = supplied(site(f"{code}\n"), hosts=("site.test", "localhost"))
        assert found == {"HOSTS": value}

    def test_one_name_for_one_host_gets_the_public_one(self, site, inspected):
        code = (
            'ALLOWED_HOSTS = []\nhost = os.environ.get("PLATFORM_HOSTNAME")\nif host:\n    ALLOWED_HOSTS.append(host)\n'
        )
        found = inspected(site(code), hosts=("site.test", "localhost"))
        assert {each.name: each.value for each in found.supplied} == {"PLATFORM_HOSTNAME": "site.test"}
        assert found.host == "site.test"
        assert "does not allow localhost" in found.remarks[0].text

    def test_a_fixed_list_decides_how_the_site_is_asked(self, site, inspected):
        found = inspected(site('ALLOWED_HOSTS = [".railway.app", "127.0.0.1"]\n'))
        assert found.host == "127.0.0.1"
        assert "does not allow localhost" in found.remarks[0].text

    def test_a_fixed_list_of_one_platform_is_asked_under_its_name(self, site, inspected):
        assert inspected(site('ALLOWED_HOSTS = [".railway.app"]\n')).host == "railway.app"

    @pytest.mark.parametrize("listed", ["[]", '["None.fly.dev"]', "[None]"])
    def test_a_list_that_lets_nobody_in_is_an_error(self, site, inspected, listed):
        with pytest.raises(ReleaseError, match="ALLOWED_HOSTS allows no host"):
            inspected(site(f"ALLOWED_HOSTS = {listed}\n"))

    def test_a_new_host_is_added_to_what_is_remembered(self, site, inspected):
        tree = site('ALLOWED_HOSTS = os.environ.get("HOSTS", "").split(",")\n')
        first = inspected(tree)
        second = inspected(tree, remembered=first.supplied, hosts=("site.test", "localhost"))
        assert [each.value for each in second.supplied] == ["site.test,localhost"]

    def test_origins_are_given_for_a_public_host(self, site, supplied):
        code = 'CSRF_TRUSTED_ORIGINS = os.environ.get("ORIGINS", "").split(",") if "ORIGINS" in os.environ else []\n'
        found = supplied(site(f'ALLOWED_HOSTS = ["*"]\n{code}'), hosts=("site.test", "localhost"))
        assert found == {"ORIGINS": "https://site.test,http://localhost"}


class TestDebug:
    @pytest.mark.parametrize(
        ("code", "value"),
        [
            ('DEBUG = os.environ.get("DEBUG", "True") == "True"', "False"),
            ('DEBUG = os.environ.get("DJANGO_DEBUG", "") != "False"', "False"),
            ('DEBUG = bool(int(os.environ.get("DEBUG", "1")))', "0"),
            ('DEBUG = bool(os.environ.get("DEBUG", "yes"))', ""),
            ('DEBUG = os.environ["DEBUG"]', ""),
            ('DEBUG = os.environ.get("ENVIRONMENT", "dev") != "production"', "production"),
            ('DEBUG = "RENDER" not in os.environ', "true"),
        ],
    )
    def test_is_turned_off_in_the_form_the_settings_take(self, site, supplied, code, value):
        assert list(supplied(site(f"{code}\n")).values()) == [value]

    def test_left_on_by_the_code_is_a_warning(self, site, inspected):
        (remark,) = inspected(site("DEBUG = True\n")).remarks
        assert remark.warning
        assert "nothing in the environment of proj.settings turns it off" in remark.text

    @pytest.mark.parametrize("name", ["production", "prd", "deployment"])
    def test_settings_for_a_server_beside_it_are_named(self, site, inspected, name):
        files = {
            "proj/settings/__init__.py": "",
            "proj/settings/dev.py": HEAD.replace("parent.parent", "parents[2]") + "DEBUG = True\n",
            f"proj/settings/{name}.py": "",
            "manage.py": MANAGE.replace("proj.settings", "proj.settings.dev"),
        }
        tree = site(**files)
        (tree / "proj/settings.py").unlink()
        (tree / "proj/wsgi.py").unlink()
        (remark,) = inspected(tree).remarks
        assert f'[app] settings = "proj.settings.{name}"' in remark.text

    def test_left_on_by_the_user_is_theirs(self, site, inspected):
        found = inspected(site('DEBUG = os.environ.get("DEBUG") == "1"\n'), env={"DEBUG": "1"})
        assert found.supplied == ()
        assert "as DEBUG says" in found.remarks[0].text


class TestUnsettled:
    def test_settings_that_want_ever_more_are_told_to(self, site, inspected, monkeypatch):
        monkeypatch.setattr(importlib.import_module("pushlive.inspection.inspect"), "_MOST", 2)
        code = 'DEBUG = any(os.environ.get(name, "1") != name for name in ("DEBUG_A", "DEBUG_B", "DEBUG_C"))\n'
        with pytest.raises(ReleaseError, match="the settings did not settle: after 2 askings") as caught:
            inspected(site(code))
        assert "SECRET_KEY" not in str(caught.value)


class TestLacking:
    def test_every_name_is_listed_in_one_error_with_its_place(self, site, inspected):
        tree = site(
            'MAIL = os.environ["MAIL_HOST"]\nPORT = int(os.environ["MAIL_PORT"])\nKEY = os.environ["API_KEY"]\n'
        )
        with pytest.raises(ReleaseError) as caught:
            inspected(tree)
        error = caught.value
        assert error.remedy == (
            "Set them: `pushlive env set MAIL_HOST=… MAIL_PORT=… API_KEY=…`; "
            "what is no secret may stand under [run] env in pushlive.toml"
        )
        assert error.where == line_of(tree, "MAIL_HOST")
        assert list(error.evidence) == [
            f"{name}  {line_of(tree, name)}" for name in ("MAIL_HOST", "MAIL_PORT", "API_KEY")
        ]

    def test_with_supply_off_nothing_is_filled_in(self, site, inspected):
        with pytest.raises(ReleaseError, match=r"SECRET_KEY and HOSTS, which are not set \(supply = false"):
            inspected(
                site('SECRET_KEY = os.environ["SECRET_KEY"]\nALLOWED_HOSTS = [os.environ["HOSTS"]]\n'), supply=False
            )

    @pytest.mark.parametrize(
        "code",
        [
            'TOKEN = os.getenv("API_TOKEN").strip()',
            'TOKEN = os.getenv("API_TOKEN")\nPARTS = TOKEN.split(":")',
            'if not os.getenv("API_TOKEN"):\n    raise ValueError("You must set API_TOKEN in deployed environments.")',
            "from decouple import config\nTOKEN = config('API_TOKEN')",
            "import environ\nTOKEN = environ.Env()('API_TOKEN')",
            'def need(name):\n    return os.environ[name]\nTOKEN = need("API_TOKEN")',
            CHAINED,
        ],
    )
    def test_is_found_however_the_settings_say_it(self, site, inspected, code):
        with pytest.raises(ReleaseError, match=r"the settings need API_TOKEN, which is not set"):
            inspected(site(f"{code}\n"))

    def test_names_that_the_pages_read_count_too(self, site, inspected):
        urls = 'import os\nKEY = os.environ["MAPS_KEY"]\nurlpatterns = []\n'
        with pytest.raises(ReleaseError, match=r"MAPS_KEY.*proj/urls.py:2"):
            inspected(site(**{"proj/urls.py": urls}))

    def test_a_default_is_no_lack(self, site, inspected):
        assert inspected(site('A = os.environ.get("A", "x")\nB = "B" in os.environ\n')).supplied == ()


LEVELS = """\
HANDLER = {"class": "logging.StreamHandler", "level": os.environ["LOG_LEVEL"]}
LOGGING = {"version": 1, "handlers": {"console": HANDLER}}
"""


class TestStandIns:
    @pytest.mark.parametrize(
        ("code", "name", "value"),
        [
            (LEVELS, "LOG_LEVEL", "INFO"),
            (
                'TIME_ZONE = os.environ["ZONE"]\nimport zoneinfo\nzoneinfo.ZoneInfo(TIME_ZONE)\n',
                "ZONE",
                "Europe/Berlin",
            ),
            ('assert os.environ["STAGE"] in ("production", "staging")\n', "STAGE", "production"),
            ('WORKERS = 8 // int(os.environ["WORKERS"])\n', "WORKERS", "4"),
        ],
    )
    def test_what_is_ordinary_is_given_as_it_is(self, site, inspected, code, name, value):
        assert inspected(site(code), secrets={name: placeholder(value)}).supplied == ()

    @pytest.mark.parametrize(
        ("code", "name", "value"),
        [
            (LEVELS, "LOG_LEVEL", "VERBOSE"),
            ('import importlib\nimportlib.import_module(os.environ["PLUGIN"])\n', "PLUGIN", "plugins.mail"),
            ('import base64\nbase64.b32decode(os.environ["OTP_KEY"])\n', "OTP_KEY", "JBSWY3DPEHPK3PXP"),
            ("", "DJANGO_SETTINGS_MODULE", "proj.settings"),
        ],
    )
    def test_one_that_does_not_do_is_named_with_what_to_do(self, site, inspected, code, name, value):
        tree = site(code)
        with pytest.raises(ReleaseError, match=f"the settings cannot be asked with a stand-in for {name}: ") as caught:
            inspected(tree, secrets={"OTHER": "x" * 8, name: placeholder(value)})
        error = caught.value
        assert f'`pushlive env unset {name}`, and write [run] env = {{ {name} = "…" }}' in error.remedy
        if code:
            assert error.where == line_of(tree, name)

    def test_another_failure_is_the_sites_own(self, site, inspected):
        with pytest.raises(BuildError, match="No module named 'absent'"):
            inspected(site('KEY = os.environ["API_KEY"]\nimport absent\n'), secrets={"API_KEY": "xxxxxxxx"})

    def test_a_name_that_still_lacks_is_asked_for(self, site, inspected):
        code = 'LEVEL = os.environ["API_KEY"]\nTOKEN = os.environ["API_TOKEN"]\n'
        with pytest.raises(ReleaseError, match="the settings need API_TOKEN, which is not set"):
            inspected(site(code), secrets={"API_KEY": "xxxxxxxx"})


class TestDatabase:
    def test_one_that_must_be_named_is_sqlite_in_the_kept_folder(self, site, inspected):
        code = 'import dj_database_url\nDATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}\n'
        found = inspected(site(code))
        assert [(each.name, each.value) for each in found.supplied] == [
            ("DATABASE_URL", "sqlite:////srv/data/db.sqlite3")
        ]
        assert found.remarks[-1].warning

    def test_one_that_is_nowhere_named_is_sqlite_too(self, site, supplied):
        code = 'import dj_database_url\nDATABASES = {"default": dj_database_url.config()}\n'
        assert supplied(site(code)) == {"DATABASE_URL": "sqlite:////srv/data/db.sqlite3"}

    def test_sqlite_in_memory_is_moved_to_the_kept_folder(self, site, supplied):
        code = 'import environ\nDATABASES = {"default": environ.Env().db(default="sqlite://:memory:")}\n'
        assert supplied(site(code)) == {"DATABASE_URL": "sqlite:////srv/data/db.sqlite3"}

    def test_sqlite_in_memory_by_the_code_is_a_warning(self, site, inspected):
        found = inspected(site('DATABASES["default"]["NAME"] = ":memory:"\n'))
        assert found.data == ()
        assert "SQLite in memory" in found.remarks[0].text

    def test_a_default_that_does_not_answer_is_an_error_with_the_command(self, site, inspected):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            url = f"postgres://app@127.0.0.1:{port}/app"
            code = f'INSTALLED_APPS = ["pages"]\nDATABASES = {{"default": dj_database_url.config(default="{url}")}}\n'
            with pytest.raises(ReleaseError, match=rf"does not answer at 127.0.0.1:{port}.*env set DATABASE_URL="):
                inspected(site(f"import dj_database_url\n{code}"))

    def test_one_that_the_user_named_is_not_probed(self, site, inspected):
        code = 'INSTALLED_APPS = ["pages"]\nimport dj_database_url\nDATABASES = {"default": dj_database_url.config()}\n'
        found = inspected(site(code), secrets={"DATABASE_URL": "postgres://user:password@db.invalid:5432/app"})
        assert found.databases[0].host == "db.invalid"

    @pytest.mark.parametrize(
        ("code", "env"),
        [
            ('SERVER["OPTIONS"] = {"service": "app"}\n', {}),
            ("", {"PGSERVICE": "app"}),
            ('os.environ["PGHOST"] = "db.invalid"\n', {}),
        ],
    )
    def test_one_that_libpq_is_told_of_otherwise_is_not_probed(self, site, inspected, code, env):
        server = 'SERVER = {"ENGINE": "proj", "NAME": "app", "PORT": "1"}\nDATABASES = {"default": SERVER}\n'
        backend = "from django.db.backends.sqlite3.base import DatabaseWrapper\n"
        tree = site(
            server.replace('"proj"', '"proj.postgresql"') + code,
            **{
                "proj/postgresql/__init__.py": "",
                "proj/postgresql/base.py": backend,
            },
        )
        assert inspected(tree, env=env).databases[0].name == "app"

    def test_a_folder_that_git_does_not_carry_is_kept_whole(self, site, inspected):
        tree = site('DATABASES["default"]["NAME"] = BASE_DIR / "var" / "data" / "db.sqlite3"\n')
        assert inspected(tree).data == ("var/data/",)

    def test_a_migrated_database_in_the_repository_is_told(self, site, inspected):
        found = inspected(site(**{"db.sqlite3": "x"}))
        assert "the kept database begins as a copy of it" in found.remarks[0].text

    def test_a_site_that_asks_its_database_at_import_is_inspected_without_checks(self, site, inspected):
        urls = "from django.contrib.auth.models import User\nUSERS = list(User.objects.all())\nurlpatterns = []\n"
        found = inspected(site(**{"proj/urls.py": urls}))
        assert "the system checks were left out" in found.remarks[0].text


class TestMigrations:
    def test_are_asked_of_the_database_that_is_kept(self, site, inspected, tmp_path):
        kept = tmp_path / "data.sqlite3"
        kept.touch()
        tree = site()
        first = inspected(tree, kept={"db.sqlite3": kept}).migrations
        assert "auth.0001_initial" in first.pending
        assert not first.are_done
        assert inspected(tree, kept={"db.sqlite3": kept}).data == ("db.sqlite3",)
        argv = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(argv, cwd=tree, check=True, env={"PATH": "/usr/bin"})
        (tree / "db.sqlite3").rename(kept)
        assert inspected(tree, kept={"db.sqlite3": kept}).migrations.are_done
        assert not (tree / "db.sqlite3").exists()

    def test_of_a_server_are_not_asked_with_a_placeholder_for_a_password(self, site, inspected):
        backend = "from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite\n"
        server = f"{backend}class DatabaseWrapper(SQLite):\n    vendor = 'server'\n"
        tree = site('DATABASES["default"]["ENGINE"] = "proj"\n', **{"proj/base.py": server})
        assert inspected(tree, kept={}).migrations.unknown == "its server is asked when the release is made"

    def test_are_not_asked_otherwise(self, site, inspected):
        assert inspected(site()).migrations is None


class TestStatic:
    def test_files_are_collected_beside_the_tree(self, site, inspected):
        tree = site()
        found = inspected(tree)
        assert (found.static.url, found.static.folder, found.static.count) == ("/static/", "staticfiles", 1)
        assert (found.static.files / "pages/site.css").read_text() == "body { color: black }\n"
        assert not (tree / "staticfiles").exists()

    def test_without_static_root_they_get_a_folder(self, site, inspected):
        assert inspected(site("STATIC_ROOT = None\n")).static.folder == "staticfiles"

    def test_the_same_files_are_collected_once(self, site, inspected, tmp_path):
        tree = site()
        first = inspected(tree, store=tmp_path / "store")
        marker = first.static.files / "marker"
        marker.touch()
        assert inspected(tree, store=tmp_path / "store").static.files == first.static.files
        assert marker.exists()
        (tree / "pages/static/pages/site.css").write_text("body { color: red }\n")
        third = inspected(tree, store=tmp_path / "store")
        assert third.static.files != first.static.files
        assert (third.static.files / "pages/site.css").read_text() == "body { color: red }\n"

    def test_a_manifest_is_made_and_the_site_serves_them(self, site, inspected):
        storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
        code = f'STORAGES = {{"staticfiles": {{"BACKEND": "{storage}"}}}}\n'
        code += 'MIDDLEWARE.insert(0, "whitenoise.middleware.WhiteNoiseMiddleware")\n'
        found = inspected(site(code, **{f"pages/static/pages/{name}.css": "" for name in "zmaqbyckx"}))
        assert found.static.served_by_site
        manifest = (found.static.files / "staticfiles.json").read_text()
        names = list(json.loads(manifest)["paths"])
        assert len(names) > 9
        assert names == sorted(names)
        made = {path.name for path in found.static.files.rglob("*") if path.is_file()}
        assert {Path(name).name for name in json.loads(manifest)["paths"].values()} <= made

    def test_a_build_in_the_repository_that_collecting_would_break_is_kept(self, site, inspected):
        storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        code = f'STORAGES = {{"staticfiles": {{"BACKEND": "{storage}"}}}}\n'
        manifest = '{"paths": {"app.js": "app.123.js"}, "version": "1.1"}'
        found = inspected(site(code, **{"staticfiles/staticfiles.json": manifest, "staticfiles/app.123.js": ""}))
        assert found.static.files is None
        assert "app.js" in found.static.skipped

    def test_without_the_app_nothing_is_collected_and_it_says_why(self, site, inspected):
        found = inspected(site('INSTALLED_APPS.remove("django.contrib.staticfiles")\n'))
        assert found.static.skipped == "django.contrib.staticfiles is not in INSTALLED_APPS"

    def test_a_failure_is_told_with_its_cause(self, site, inspected):
        with pytest.raises(BuildError, match=r"collectstatic failed: .*missing\.png"):
            inspected(
                site(
                    'STORAGES = {"staticfiles": {"BACKEND": '
                    '"django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}\n',
                    **{"pages/static/pages/site.css": "body { background: url(missing.png) }\n"},
                )
            )

    def test_the_old_storage_setting_is_told_to_be_ignored(self, site, inspected):
        found = inspected(site('STATICFILES_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"\n'))
        assert "STATICFILES_STORAGE is given in proj.settings, and this Django ignores it" in found.remarks[0].text

    def test_a_root_elsewhere_is_moved_into_the_tree_where_the_environment_names_it(self, site, inspected):
        code = (
            'MIDDLEWARE.insert(0, "whitenoise.middleware.WhiteNoiseMiddleware")\n'
            'STATIC_ROOT = os.environ.get("STATIC_ROOT", "/var/www/static")\n'
        )
        found = inspected(site(code))
        assert [(each.name, each.value) for each in found.supplied] == [("STATIC_ROOT", "staticfiles")]
        assert found.static.folder == "staticfiles"


class TestModules:
    def test_where_two_files_name_two_modules_the_served_one_is_meant(self, site, inspected, asked):
        tree = site(
            **{
                "manage.py": MANAGE.replace("proj.settings", "proj.dev"),
                "proj/dev.py": "from proj.settings import *\nDEBUG = True\n",
            }
        )
        found = inspected(tree)
        (module,) = found.supplied
        assert (module.name, module.value) == ("DJANGO_SETTINGS_MODULE", "proj.settings")
        assert found.settings.debug is False
        asked.clear()
        again = inspected(tree, remembered=found.supplied)
        assert (len(asked), again.supplied) == (1, found.supplied)

    def test_the_module_of_the_site_file_is_used(self, site, inspected):
        tree = site(**{"proj/live.py": 'from proj.settings import *\nALLOWED_HOSTS = ["live.test"]\n'})
        assert inspected(tree, app={"settings": "proj.live"}).host == "live.test"

    def test_settings_that_read_the_command_line_are_asked_as_manage_py_would(self, site, inspected, asked):
        inspected(site('import sys\nassert sys.argv[0] == "manage.py" and sys.argv[1]\n'))
        assert len(asked) == 1

    def test_what_manage_py_does_first_really_happens(self, site, inspected):
        manage = MANAGE.replace(
            '    os.environ.setdefault("DJ', '    os.environ["FROM_MANAGE"] = "1"\n    os.environ.setdefault("DJ'
        )
        found = inspected(site('X = os.environ["FROM_MANAGE"]\n', **{"manage.py": manage}))
        assert "manage.py sets FROM_MANAGE and the WSGI module does not" in found.remarks[0].text

    def test_manage_py_one_folder_down(self, tmp_path, inspected):
        django_site(tmp_path / "tree" / "backend")
        found = inspected(tmp_path / "tree", app={"root": "backend"})
        assert found.data == ("backend/db.sqlite3",)
        assert found.static.folder == "backend/staticfiles"

    def test_without_manage_py_the_callable_leads_to_the_settings(self, site, inspected):
        tree = site()
        (tree / "manage.py").unlink()
        assert inspected(tree, app={"manage": None}).settings.module == "proj.settings"

    def test_an_application_that_is_not_django_is_only_imported(self, tmp_path, inspected, asked):
        tree = write(
            tmp_path / "tree", {"web.py": 'import os\nNAME = os.environ.get("NAME", "x")\ndef app(e, s): ...\n'}
        )
        found = inspected(tree, app={"manage": None, "callable": "web:app"})
        assert found.django == ""
        assert found.settings is None
        assert len(asked) == 1

    def test_an_application_that_cannot_be_imported_is_an_error(self, tmp_path, inspected):
        with pytest.raises(BuildError, match=r"the application cannot be imported: .*absent.*\(web.py:1\)"):
            inspected(
                write(tmp_path / "tree", {"web.py": "import absent\n"}), app={"manage": None, "callable": "web:app"}
            )


class TestBroken:
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (
                "import absent_package\n",
                r"settings import failed: No module named 'absent_package' \(proj/settings.py:\d+\)",
            ),
            ("DEBUG = = True\n", r"settings import failed: SyntaxError: invalid syntax \(proj/settings.py:\d+\)"),
            ("raise BaseException('no')\n", r"settings import failed: BaseException: no"),
            ("import sys\nsys.exit('not here')\n", r"settings import failed: SystemExit: not here"),
            ('INSTALLED_APPS.append("absent")\n', r"apps and pages cannot be loaded: No module named 'absent'"),
        ],
    )
    def test_names_the_cause_and_the_line(self, site, inspected, code, message):
        with pytest.raises(BuildError, match=message):
            inspected(site(code))

    def test_a_secrets_file_that_must_exist_is_named(self, site, inspected):
        code = 'import json\nSECRETS = json.loads((BASE_DIR / "conf" / "secrets.json").read_text())\n'
        with pytest.raises(BuildError, match=r"conf/secrets.json is not there \(proj/settings.py:\d+\)"):
            inspected(site(code))

    def test_a_process_that_ends_itself_is_told_with_its_code(self, site, inspected):
        with pytest.raises(BuildError, match=r"ended the process with code 7 \(at settings\)"):
            inspected(site("os._exit(7)\n"))

    def test_one_that_is_killed_is_not_said_to_be_late(self, site, inspected):
        with pytest.raises(
            BuildError, match=r"its process was killed after \d+\.\d s, .*memory runs out \(at settings\)"
        ):
            inspected(site("os.kill(os.getpid(), 9)\n"))

    def test_one_that_never_answers_is_ended(self, site, inspected, runtime):
        tree = site("import time\ntime.sleep(600)\n")
        with pytest.raises(BuildError, match="no answer within 5 s") as caught:
            inspect(App(tree), replace(runtime, timeout=5), Wishes())
        assert f"{tree}/proj/settings.py" in caught.value.output

    def test_system_check_errors_stop_the_delivery(self, site, inspected):
        with pytest.raises(BuildError, match=r"checks found 1 error: 'max_length' must be a positive integer"):
            inspected(
                site(
                    **{
                        "pages/models.py": "from django.db import models\n"
                        "class Page(models.Model):\n    title = models.CharField(max_length=-1)\n"
                    }
                )
            )

    def test_what_the_site_printed_is_told_only_then(self, site, runtime):
        heard = []
        tree = site('print("a word of the site")\n')
        inspect(App(tree), runtime, Wishes(), heard.append)
        assert heard == []
        with (tree / "proj/settings.py").open("a") as settings:
            settings.write("import absent\n")
        with pytest.raises(BuildError):
            inspect(App(tree), runtime, Wishes(), heard.append)
        assert Output("a word of the site") in heard


class TestTree:
    def test_is_given_back_as_it_was(self, site, inspected):
        tree = site('(BASE_DIR / "new" / "deep").mkdir(parents=True)\n(BASE_DIR / "new/deep/file").touch()\n')
        before = sorted(tree.rglob("*"))
        inspected(tree)
        assert sorted(tree.rglob("*")) == before

    def test_a_file_that_was_changed_is_told(self, site, inspected):
        found = inspected(site('(BASE_DIR / "count").write_text(os.urandom(8).hex())\n', count="0"))
        assert "changed count while it was imported" in found.remarks[-1].text

    def test_log_files_in_a_folder_git_does_not_carry(self, site, inspected):
        handler = '{"class": "logging.FileHandler", "filename": BASE_DIR / "logs" / "site.log"}'
        tree = site(f'LOGGING = {{"version": 1, "handlers": {{"file": {handler}}}}}\n')
        assert inspected(tree).data == ("db.sqlite3", "logs/")
        assert not (tree / "logs").exists()


class TestCache:
    def test_memcached_is_wanted_where_its_name_is_read(self, site, inspected):
        servers = 'os.environ["MEMCACHED_SERVERS"].split(",")'
        code = f'CACHES = {{"default": {{"BACKEND": "{MEMCACHED}", "LOCATION": {servers}}}}}\n'
        found = inspected(site(code))
        assert found.cache_wanted
        assert found.cache_variables == ("MEMCACHED_SERVERS",)
        assert found.supplied == ()

    def test_a_backend_with_a_fixed_address_wants_it_too(self, site, inspected):
        assert inspected(
            site(f'CACHES = {{"default": {{"BACKEND": "{MEMCACHED}", "LOCATION": "127.0.0.1:11211"}}}}\n')
        ).cache_wanted


def test_https_only_is_told_with_what_decides_on_it(site, inspected):
    found = inspected(site('SECURE_SSL_REDIRECT = os.environ.get("SSL", "1") == "1"\n'))
    assert "SSL decides on it" in found.remarks[0].text


def test_a_value_that_suited_the_settings_once_is_replaced(site, inspected):
    tree = site('DEBUG = bool(int(os.environ.get("DEBUG", "1")))\n')
    remembered = (SuppliedSetting("DEBUG", "off", "turns DEBUG off"),)
    found = inspected(tree, remembered=remembered)
    assert [(each.name, each.value) for each in found.supplied] == [("DEBUG", "0")]


def test_what_the_settings_no_longer_read_is_no_longer_supplied(site, inspected):
    assert inspected(site(), remembered=(SuppliedSetting("OLD", "x", "once"),)).supplied == ()


def test_the_site_sees_nothing_of_our_environment(site, inspected, asked, monkeypatch):
    monkeypatch.setenv("PUSHLIVE_TEST_CANARY", "1")
    inspected(site('assert "PUSHLIVE_TEST_CANARY" not in os.environ\nassert os.listdir(os.environ["HOME"]) == []\n'))
    assert len(asked) == 1


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to change user")
def test_the_sites_code_runs_as_the_sites_user(place, apart):
    code = '(BASE_DIR / "who").write_text(str(os.getuid()))\nassert os.getuid() == 4242\n'
    tree = django_site(place / "tree", code)
    found = inspect(App(tree), apart, Wishes())
    assert found.static.count == 1
    assert not (tree / "who").exists()
    assert {path.stat().st_uid for path in tree.rglob("*")} == {0}


def test_reasons_name_a_file_and_a_line(site, inspected):
    found = inspected(site('DEBUG = os.environ.get("DEBUG", "True") == "True"\n'))
    assert all(re.search(r"\(proj/settings\.py:\d+\)$", each.reason) for each in found.supplied)
