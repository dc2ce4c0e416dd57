import pytest

from pushlive.config.site import Interface
from pushlive.model.errors import SettingsError
from tests.config.sites import django, manage, origin, wsgi

HOLDS = "ROOT_URLCONF = 'proj.urls'\n"
CHANNELS = HOLDS + "ASGI_APPLICATION = 'proj.asgi.application'\nWSGI_APPLICATION = 'proj.wsgi.application'\n"


def complaint(site, files):
    with pytest.raises(SettingsError) as caught:
        site(files)
    return caught.value


def test_an_ordinary_project_is_found_at_the_top(site):
    found = site(django())
    assert (found.app.root, found.app.manage, found.app.settings) == ("", "manage.py", "proj.settings")
    assert (found.app.interface, found.app.callable) == (Interface.WSGI, "proj.wsgi:application")
    assert found.app.paths == ()


def test_a_project_is_found_one_folder_down(site):
    app = site(django("backend")).app
    assert (app.root, app.manage, app.callable) == ("backend", "backend/manage.py", "proj.wsgi:application")


def test_each_fact_says_where_it_comes_from(site):
    found = site(django(settings=HOLDS + "\nWSGI_APPLICATION = 'proj.wsgi.application'\n"))
    assert origin(found, "app.settings") == "proj/wsgi.py:3"
    assert origin(found, "app.wsgi") == "proj/settings.py:3"
    assert origin(found, "app.manage") == "manage.py"


def test_another_programs_manage_py_is_not_taken_for_djangos(site):
    assert site({"manage.py": "print('hi')", **django("web")}).app.root == "web"


TWO = {**django("one", "first"), **django("two", "second")}


class TestSeveralProjects:
    def test_without_evidence_the_author_is_asked_with_the_line_to_write(self, site):
        error = complaint(site, TWO)
        assert error.cause == "there are 2 Django projects here, and nothing says which one is the site"
        assert error.remedy.endswith('under [app], write root = "one".')

    @pytest.mark.parametrize(
        "command",
        ["cd two && gunicorn second.wsgi", "gunicorn --chdir two second.wsgi", "gunicorn second.wsgi:application"],
    )
    def test_a_procfile_tells_which_one_is_served(self, site, command):
        assert site({**TWO, "Procfile": f"web: {command}\n"}).app.root == "two"

    def test_the_site_file_tells_which_one_it_is(self, site):
        found = site({**TWO, "pushlive.toml": '[app]\nroot = "two"\n'})
        assert (found.app.root, found.app.manage) == ("two", "two/manage.py")
        assert origin(found, "app.root") == "pushlive.toml"

    def test_one_at_the_top_wins_over_one_below(self, site):
        assert site({**django(), **django("backend")}).app.root == ""

    def test_one_among_examples_does_not_count(self, site):
        assert site({**django("web"), **django("examples/blog")}).app.root == "web"

    def test_the_only_one_being_an_example_is_asked_about(self, site):
        assert "examples or tests" in complaint(site, django("examples/blog")).cause


class TestSettings:
    def package(self, manage_names, wsgi_names, **modules):
        files = {
            "manage.py": manage(manage_names),
            "proj/__init__.py": "",
            "proj/wsgi.py": wsgi(wsgi_names),
            "proj/settings/__init__.py": "",
            "proj/settings/base.py": HOLDS,
        }
        return files | {f"proj/settings/{name}.py": text for name, text in modules.items()}

    def test_the_one_of_wsgi_py_wins_over_that_of_manage_py(self, site):
        star = "from .base import *\n"
        files = self.package("proj.settings.staging", "proj.settings.eu", staging=star, eu=star)
        assert site(files).app.settings == "proj.settings.eu"

    @pytest.mark.parametrize("name", ["production", "prod", "live"])
    def test_production_settings_beside_those_for_development_are_preferred(self, site, name):
        star = "from .base import *\n"
        found = site(self.package("proj.settings.dev", "proj.settings.dev", dev=star, **{name: star}))
        assert found.app.settings == f"proj.settings.{name}"
        assert origin(found, "app.settings") == f"proj/settings/{name}.py"
        assert origin(found, "app.settings passed over") == "proj/wsgi.py:3"

    def test_an_empty_package_is_passed_over_for_the_next_one_named(self, site):
        star = "from proj.settings.base import *\n"
        files = self.package("proj.settings.local", "proj.settings", local=star, production=star)
        assert site(files).app.settings == "proj.settings.production"

    def test_a_module_in_an_empty_package_is_found(self, site):
        assert site(self.package("proj.settings", "proj.settings")).app.settings == "proj.settings.base"

    def test_a_module_that_is_not_there_is_passed_over(self, site):
        files = django() | {"proj/wsgi.py": wsgi("proj.settings_server")}
        assert site(files).app.settings == "proj.settings"

    def test_a_choice_by_a_platforms_variable_is_the_production_one(self, site):
        text = (
            "import os\nfrom django.core.wsgi import get_wsgi_application\n"
            "name = 'proj.production' if 'WEBSITE_HOSTNAME' in os.environ else 'proj.settings'\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', name)\napplication = get_wsgi_application()\n"
        )
        files = django() | {"proj/wsgi.py": text, "proj/production.py": "from .settings import *\n"}
        assert site(files).app.settings == "proj.production"

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("Dockerfile", "FROM python:3.12\nENV DJANGO_SETTINGS_MODULE=proj.eu DEBUG=0\nCMD gunicorn proj.wsgi\n"),
            ("Procfile", "web: DJANGO_SETTINGS_MODULE=proj.eu gunicorn proj.wsgi\n"),
            ("render.yaml", "services:\n  - envVars:\n    - key: DJANGO_SETTINGS_MODULE\n      value: proj.eu\n"),
            ("fly.toml", '[env]\nDJANGO_SETTINGS_MODULE = "proj.eu"\n'),
            ("app.json", '{"env": {"DJANGO_SETTINGS_MODULE": {"value": "proj.eu"}}}'),
            ("uwsgi.ini", "[uwsgi]\nmodule = proj.wsgi:application\nenv = DJANGO_SETTINGS_MODULE=proj.eu\n"),
        ],
    )
    def test_what_the_author_deploys_with_elsewhere_is_taken_as_a_hint(self, site, name, text):
        files = django() | {"proj/eu.py": "from .settings import *\n", name: text}
        assert site(files).app.settings == "proj.eu"

    @pytest.mark.parametrize(
        "text", ['[app]\nsettings = "proj.eu"\n', '[run.env]\nDJANGO_SETTINGS_MODULE = "proj.eu"\n']
    )
    def test_the_site_file_always_wins(self, site, text):
        files = django() | {
            "Procfile": "web: DJANGO_SETTINGS_MODULE=proj.us gunicorn proj.wsgi\n",
            "pushlive.toml": text,
        }
        found = site(files)
        assert found.app.settings == "proj.eu"
        assert origin(found, "app.settings") == "pushlive.toml"

    def test_settings_in_newer_syntax_than_ours_are_searched_line_by_line(self, site):
        newer = "match = [x for x in\n"
        files = django(settings=newer + HOLDS) | {"manage.py": newer + manage()}
        assert site(files).app.settings == "proj.settings"


class TestInterface:
    @pytest.mark.parametrize(
        "command",
        [
            "uvicorn proj.asgi:application --host 0.0.0.0",
            "daphne -b 0.0.0.0 -p 8000 proj.asgi:application",
            "python -m gunicorn proj.asgi:application -k uvicorn.workers.UvicornWorker",
            "gunicorn -c gunicorn.conf.py --worker-class=uvicorn.workers.UvicornWorker proj.asgi",
            "python manage.py migrate && hypercorn proj.asgi:application",
        ],
    )
    def test_a_command_that_serves_asgi_means_asgi(self, site, command):
        found = site(django() | {"Procfile": f"web: {command}\n"})
        assert (found.app.interface, found.app.callable) == (Interface.ASGI, "proj.asgi:application")
        assert origin(found, "app.asgi") == "Procfile:1"

    @pytest.mark.parametrize("library", ["channels[daphne]==4.1", "uvicorn>=0.30", "Daphne"])
    def test_a_library_that_needs_asgi_means_asgi(self, site, library):
        found = site(django(settings=CHANNELS) | {"requirements.txt": f"Django\n{library}\n"})
        assert found.app.interface is Interface.ASGI

    def test_asgi_py_alone_means_nothing(self, site):
        assert site(django(settings=CHANNELS)).app.interface is Interface.WSGI

    def test_a_command_that_serves_wsgi_wins_over_a_library(self, site):
        files = django() | {
            "requirements.txt": "uvicorn\n",
            "Procfile": "web: gunicorn --workers 2 proj.wsgi --log-file -\n",
        }
        assert site(files).app.interface is Interface.WSGI

    def test_daphne_among_the_installed_apps_means_asgi(self, site):
        assert (
            site(django(settings=CHANNELS + "APPS = ['daphne']\nINSTALLED_APPS = APPS + ['x']\n")).app.interface
            is Interface.ASGI
        )

    def test_channels_2_keeps_the_asgi_py_that_sets_django_up(self, site):
        files = django(settings=HOLDS + "ASGI_APPLICATION = 'proj.routing.application'\n") | {
            "proj/routing.py": "application = 1\n",
            "proj/asgi.py": "import django\nfrom channels.routing import get_default_application\n"
            "application = get_default_application()\n",
            "requirements.txt": "channels<3\n",
        }
        assert site(files).app.callable == "proj.asgi:application"

    def test_without_wsgi_py_asgi_is_what_there_is(self, site):
        files = django()
        del files["proj/wsgi.py"]
        assert site(files).app.callable == "proj.asgi:application"

    def test_the_site_file_always_wins(self, site):
        files = django() | {
            "Procfile": "web: uvicorn proj.asgi:application",
            "pushlive.toml": '[app]\nwsgi = "proj.wsgi"\n',
        }
        found = site(files)
        assert (found.app.interface, found.app.callable) == (Interface.WSGI, "proj.wsgi:application")
        assert origin(found, "app.wsgi") == "pushlive.toml"


class TestPlaces:
    def test_a_package_importable_only_from_above_manage_py_adds_that_folder(self, site):
        files = {"proj/manage.py": manage(), "proj/settings.py": HOLDS, "proj/wsgi.py": wsgi()}
        assert site(files).app.paths == ("",)

    def test_a_folder_that_manage_py_adds_to_the_path_is_added(self, site):
        more = manage() + "sys.path.append(os.path.join(os.path.dirname(__file__), 'apps'))\n"
        assert site(django() | {"manage.py": more, "apps/blog/__init__.py": ""}).app.paths == ("apps",)

    def test_a_project_without_manage_py_is_found_by_its_wsgi_py(self, site):
        files = django("src")
        del files["src/manage.py"]
        app = site(files).app
        assert (app.root, app.manage, app.settings) == ("src", None, "proj.settings")

    def test_a_folder_that_is_named_and_is_not_there_is_an_error(self, site):
        error = complaint(site, django() | {"pushlive.toml": '[app]\nroot = "web"\n'})
        assert error.cause == "app.root: there is no folder web in the repository"

    def test_a_link_out_of_the_tree_is_not_followed(self, tree, tmp_path, site):
        (tmp_path / "outside.py").write_text(manage())
        (tree({}) / "manage.py").symlink_to(tmp_path / "outside.py")
        assert complaint(site, {}).cause.startswith("no application was found")


class TestWithoutDjango:
    @pytest.mark.parametrize(
        ("files", "interface", "callable_"),
        [
            ({"app.py": "from flask import Flask\napp = Flask(__name__)\n"}, "wsgi", "app:app"),
            ({"main.py": "from fastapi import FastAPI\napp: FastAPI = FastAPI()\n"}, "asgi", "main:app"),
            (
                {"wsgi.py": "from shop import create_app\nimport flask\napplication = create_app()\n"},
                "wsgi",
                "wsgi:application",
            ),
            ({"app.py": "import flask\ndef create_app():\n    ...\n"}, "wsgi", "app:create_app()"),
            ({"app.py": "def application(environ, start_response):\n    ...\n"}, "wsgi", "app:application"),
            ({"app.py": "async def app(scope, receive, send):\n    ...\n"}, "asgi", "app:app"),
            ({"hello.py": "x = 1\n", "Procfile": "web: gunicorn 'hello:make()'\n"}, "wsgi", "hello:make()"),
            ({"shop/__init__.py": "server = 1\n", "Procfile": "web: gunicorn shop:server\n"}, "wsgi", "shop:server"),
        ],
    )
    def test_an_application_is_found(self, site, files, interface, callable_):
        app = site(files).app
        assert (app.interface, app.callable, app.settings, app.manage) == (interface, callable_, None, None)

    def test_nothing_to_serve_is_an_error_with_the_line_to_write(self, site):
        error = complaint(site, {"README.md": "", "app.py": "print('hi')\n"})
        assert error.cause.startswith("no application was found")
        assert 'wsgi = "module:callable"' in error.remedy


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000,
        "x = " + "-" * 100000 + "1",
        "if x:\n  pass\n" + "elif y:\n  pass\n" * 5000,
        "\x00",
        "x = 'a" + "' + 'a" * 9000 + "'",
    ],
)
def test_hostile_source_is_survived(site, text):
    assert site(django() | {"proj/wsgi.py": wsgi() + text, "proj/settings.py": HOLDS}).app.manage == "manage.py"


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"startup.sh": "#!/bin/sh\npython manage.py migrate\ngunicorn \\\n  proj.eu_wsgi\n"}, "startup.sh:3"),
        (
            {"Procfile": "web: bin/serve\n", "bin/serve": "#!/bin/sh\nexec gunicorn proj.eu_wsgi:application\n"},
            "bin/serve:2",
        ),
        ({"Procfile": "web: sh -c 'gunicorn proj.eu_wsgi'\n"}, "Procfile:1"),
        ({"Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "-b", ":8000", "proj.eu_wsgi"]\n'}, "Dockerfile:2"),
        ({"heroku.yml": "run:\n  web: gunicorn proj.eu_wsgi\n"}, "heroku.yml:2"),
        ({"fly.toml": '[processes]\napp = "gunicorn proj.eu_wsgi"\n'}, "fly.toml"),
        ({"railway.toml": '[deploy]\nstartCommand = "gunicorn proj.eu_wsgi"\n'}, "railway.toml"),
        ({"etc/uwsgi.ini": "[uwsgi]\nwsgi-file=proj/eu_wsgi.py\n"}, "etc/uwsgi.ini:2"),
        ({".do/app.yaml": "services:\n- run_command: gunicorn proj.eu_wsgi\n"}, ".do/app.yaml:2"),
    ],
)
def test_the_application_that_is_served_elsewhere_is_served_here(site, files, where):
    found = site(django() | {"proj/eu_wsgi.py": "application = 1\n"} | files)
    assert found.app.callable == "proj.eu_wsgi:application"
    assert origin(found, "app.wsgi") == where


def test_a_command_for_a_module_that_is_not_there_is_passed_over(site):
    assert site(django() | {"Procfile": "web: gunicorn gone.wsgi\n"}).app.callable == "proj.wsgi:application"
