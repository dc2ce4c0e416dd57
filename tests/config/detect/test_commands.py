import json

import pytest

from pushlive.config.site import Fact
from tests.config.sites import django, origin


def package(build="vite build", **scripts):
    return json.dumps({"scripts": {"build": build, **scripts}})


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({"package.json": package()}, ("npm install", "npm run build")),
        ({"package.json": package(), "package-lock.json": "{}"}, ("npm ci", "npm run build")),
        ({"package.json": package(), "yarn.lock": ""}, ("yarn install --frozen-lockfile", "yarn run build")),
        ({"package.json": package(), "pnpm-lock.yaml": ""}, ("pnpm install --frozen-lockfile", "pnpm run build")),
        (
            {"theme/static_src/package.json": package()},
            ("npm --prefix theme/static_src install", "npm --prefix theme/static_src run build"),
        ),
        ({"package.json": '{"scripts": {"lint": "eslint"}}'}, ()),
        ({"package.json": package(build="")}, ()),
        ({"package.json": "{not json"}, ()),
        ({"package.json": "[]"}, ()),
        ({"docs/package.json": package()}, ()),
        ({"frontend/package.json": package()}, ()),
        ({}, ()),
    ],
)
def test_a_front_end_is_built_before_static_files_are_collected(site, files, commands):
    assert site(django() | files).build_commands == commands


def test_a_front_end_that_the_settings_name_is_built_in_its_folder(site):
    files = django(settings="ROOT_URLCONF = 'x'\nSTATICFILES_DIRS = [BASE / 'frontend/dist']\n")
    found = site(files | {"frontend/package.json": package(), "frontend/package-lock.json": ""})
    assert found.build_commands == ("npm --prefix frontend ci", "npm --prefix frontend run build")
    assert origin(found, "build.commands") == "frontend/package.json"


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": package(), "dist/app.js": ""},
        {"package.json": package("tailwindcss -i a.css -o static/site.css"), "static/site.css": ""},
        {"package.json": package("esbuild a.js --outdir=static/js"), "static/js/a.js": ""},
        {"package.json": package("npm run css", css="sass --output-file static/a.css x"), "static/a.css": ""},
        {"package.json": package(), "vite.config.ts": "build: { outDir: 'out/web' }", "out/web/assets/a.js": ""},
        {
            "package.json": package(),
            "webpack.config.js": "path: path.resolve(__dirname, 'shop', 'static')",
            "shop/static/a.js": "",
        },
    ],
)
def test_a_front_end_whose_output_is_committed_is_left_alone(site, files):
    assert site(django() | files).build_commands == ()


def test_an_output_that_is_named_and_not_there_is_built_whatever_else_is_there(site):
    files = {"package.json": package("esbuild a.js --outfile=static/made.js"), "dist/other.js": "", "static/own.js": ""}
    assert site(django() | files).build_commands == ("npm install", "npm run build")


def test_offline_compression_is_run(site):
    files = django(settings="ROOT_URLCONF = 'x'\nCOMPRESS_OFFLINE = True\n") | {
        "requirements.txt": "django_compressor==4.4\n"
    }
    found = site(files)
    assert found.build_commands == ("python manage.py compress --force",)
    assert origin(found, "build.commands") == "proj/settings.py:2"


@pytest.mark.parametrize(("said", "commands"), [("[]", ()), ('["make web"]', ("make web",))])
def test_the_site_file_always_wins(site, said, commands):
    found = site(django() | {"package.json": package(), "pushlive.toml": f"[build]\ncommands = {said}\n"})
    assert found.build_commands == commands


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("Procfile", "web: gunicorn proj.wsgi\nrelease: ./release.sh\n", "Procfile:2"),
        ("fly.toml", '[deploy]\nrelease_command = "./release.sh"\n', "fly.toml"),
        ("railway.json", '{"deploy": {"preDeployCommand": ["./release.sh"]}}', "railway.json"),
        ("render.yaml", "services:\n  - preDeployCommand: './release.sh'\n", "render.yaml:2"),
        ("heroku.yml", "release:\n  command:\n    - ./release.sh\n", "heroku.yml:3"),
    ],
)
def test_a_release_command_is_taken_from_where_the_author_wrote_it(site, name, text, where):
    found = site(django() | {name: text})
    assert found.release_command == "./release.sh"
    assert origin(found, "release.command") == where


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("heroku.yml", "release:\n  command:\n    - ./one.sh\n    - ./two.sh\n    - ./one.sh\n"),
        ("railway.json", '{"deploy": {"preDeployCommand": ["./one.sh", "./two.sh"]}}'),
    ],
)
def test_several_release_commands_of_one_file_are_run_one_by_one(site, name, text):
    assert site(django() | {name: text}).release_command == "./one.sh && ./two.sh"


def test_release_commands_for_other_hosts_are_said_not_to_be_run(site):
    files = {
        "Procfile": "release: ./one.sh\n",
        "fly.toml": '[deploy]\nrelease_command = "./one.sh"\n',
        "render.yaml": "services:\n  - preDeployCommand: ./two.sh\n",
    }
    found = site(django() | files)
    assert found.release_command == "./one.sh"
    assert [fact for fact in found.facts if fact.key == "not run"] == [
        Fact("not run", "release: ./two.sh", "render.yaml:2")
    ]


def test_without_a_release_command_the_choice_is_left_open(site):
    assert site(django() | {"Procfile": "web: gunicorn proj.wsgi\n#release: x\n"}).release_command is None


def test_an_empty_release_command_in_the_site_file_runs_nothing(site):
    found = site(django() | {"Procfile": "release: x\n", "pushlive.toml": '[release]\ncommand = ""\n'})
    assert found.release_command == ""
    assert origin(found, "release.command") == "pushlive.toml"


def test_what_is_not_acted_on_is_said(site):
    found = site(django() | {"gunicorn.conf.py": "bind = ':1'\n", "Procfile": "worker: celery -A proj worker\n"})
    facts = {(fact.key, fact.origin) for fact in found.facts}
    assert {("not used", "gunicorn.conf.py"), ("not run", "Procfile:1")} <= facts
