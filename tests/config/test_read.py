import pytest
from django.http.request import split_domain_port, validate_host

from pushlive.config.read import LARGEST, parse, read
from pushlive.config.schema import SiteFile
from pushlive.model.errors import SettingsError


def complaint(text):
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return caught.value


def test_a_missing_file_is_all_defaults(tmp_path):
    assert read(tmp_path) == SiteFile()


def test_an_empty_file_is_all_defaults(tmp_path):
    (tmp_path / "pushlive.toml").touch()
    assert read(tmp_path) == SiteFile()


def test_reads_the_example_of_the_design():
    file = parse(
        """
        [site]
        name = "simplesite"
        hosts = ["counter.example.com"]
        [app]
        wsgi = "proj.wsgi:application"
        [build]
        python = "3.13"
        base = "python:3.13-slim"
        commands = ["npm ci", "npm run build"]
        [release]
        command = "python manage.py migrate --noinput"
        [run]
        replicas = 2
        autoscale = { min = 2, max = 10, cpu = 70 }
        resources = { cpu = "250m", memory = "256Mi" }
        env = { DJANGO_DEBUG = "0" }
        secrets = ["SECRET_KEY"]
        supply = true
        [data]
        paths = ["db.sqlite3", "media"]
        [cache]
        memory = "64Mi"
        replicas = 1
        max_item_size = "1Mi"
        connections = 1024
        threads = 4
        [verify]
        path = "/"
        status = 200
        contains = "counter"
        [[trigger]]
        branch = "master"
        ignore = ["{k8s,notes}/**"]
        [target.production]
        engine = "kubernetes"
        context = "gke_…"
        namespace = "simplesite"
        registry = "europe-docker.pkg.dev/project/sites"
        route = "gateway"
        tls = "cert-manager:letsencrypt"
        """
    )
    assert file.site.name == "simplesite"
    assert file.trigger[0].ignore == ("{k8s,notes}/**",)
    assert file.target["production"].engine == "kubernetes"


@pytest.mark.parametrize(
    ("text", "cause", "line"),
    [
        ('[site]\n\n[run]\nreplicas = "two"', 'run.replicas: expected a whole number, got "two"', 4),
        ("[run]\nreplicas = 0", "run.replicas: expected a whole number >= 1, got 0", 2),
        ("[run]\nsupply = 1", "run.supply: expected true or false, got 1", 2),
        ("run.replicas = 2.5", "run.replicas: expected a whole number, got 2.5", 1),
        ("run = 3", "run: expected a table, got 3", 1),
        ("cache = 3", "cache: expected a table, got 3", 1),
        ('[site]\nhosts = "a.example"', 'site.hosts: expected a list: ["…"], got "a.example"', 2),
        ('[run]\nautoscale = { min = "x" }', 'run.autoscale.min: expected a whole number, got "x"', 2),
        (
            '[[trigger]]\nbranch = "a"\n[[trigger]]\nignore = ["b",\n 3]',
            "trigger[1].ignore[1]: expected text in quotes, got 3",
            4,
        ),
        ('[target.b]\n[target.a]\nengine = "k8s"', 'target.a.engine: expected "kubernetes" or "local", got "k8s"', 3),
        ("[run.env]\nA = 'x'\nB = 1", "run.env.B: expected text in quotes, got 1", 3),
        (
            '[run.resources]\nmemory = "1 GB"',
            'run.resources.memory: expected bytes, or with Ki, Mi, Gi, k, M, G, got "1 GB"',
            2,
        ),
        ('[site]\nname = "My Site"', "site.name: expected a-z, 0-9 and '-', at most 40, got \"My Site\"", 2),
        ('[app]\nroot = "../x"', 'app.root: expected a path inside the repository, got "../x"', 2),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_line(text, cause, line):
    error = complaint(text)
    assert (error.cause, error.where) == (cause, f"pushlive.toml:{line}")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('[build]\ncommands = ["npm ci", " "]', "build.commands: a command is blank"),
        ('[release]\ncommand = " "', "release.command: the command is blank"),
    ],
)
def test_a_blank_command_is_refused(text, cause):
    error = complaint(text)
    assert (error.cause, error.where) == (cause, "pushlive.toml:2")


def test_an_unknown_key_is_answered_with_the_one_that_was_meant():
    error = complaint("[run]\n# how many\nreplica = 2\n")
    assert (error.cause, error.where) == ("run.replica: there is no such key", "pushlive.toml:3")
    assert error.remedy.startswith("Did you mean replicas? Allowed here: replicas, threads, ")


def test_an_unknown_section_is_answered_with_those_there_are():
    error = complaint("[server]\nx = 1")
    assert error.cause == "server: there is no such key"
    assert error.remedy == "Allowed here: site, app, build, release, run, data, cache, verify, trigger, target."


def test_a_key_of_another_section_is_sent_there():
    assert complaint("replicas = 2").remedy.startswith("replicas belongs under [run]. ")


def test_an_unknown_key_of_a_named_table_is_found():
    assert complaint('[target.production]\nengin = "local"').cause == "target.production.engin: there is no such key"


@pytest.mark.parametrize(
    ("text", "cause", "line"),
    [
        ("[target.ok]\n[target.Production]\n", 'target: "Production" does not fit', 2),
        ("[run.env]\n'A-B' = 'x'", 'run.env: "A-B" does not fit', 2),
    ],
)
def test_a_name_that_does_not_fit_is_named(text, cause, line):
    error = complaint(text)
    assert (error.cause, error.where) == (cause, f"pushlive.toml:{line}")
    assert error.remedy.startswith("Its name must be ")


@pytest.mark.parametrize("name", ["a\\n", "a\\u0000", "-a", "a" * 41, ""])
def test_no_name_with_a_line_end_or_worse_gets_through(name):
    complaint(f'[site]\nname = "{name}"')


@pytest.mark.parametrize("path", ["a/../../b", "..", "/etc", "a\\n", "a\\u0000b", ""])
def test_no_path_leaves_the_tree(path):
    complaint(f'[data]\npaths = ["{path}"]')


def test_no_variable_has_a_nul():
    complaint('[run.env]\nA = "x\\u0000"')


@pytest.mark.parametrize(
    ("text", "line"),
    [("[site]\nname shop\n", 2), ('[site]\nname = "shop', 2), ("[site]\n[site]\n", 2), ("a = 1\na = 2\n", 2)],
)
def test_what_is_no_toml_is_named_with_its_line(text, line):
    error = complaint(text)
    assert error.cause.startswith("pushlive.toml is not TOML: ")
    assert error.where == f"pushlive.toml:{line}"
    assert "(at " not in error.cause


def test_shows_the_line_that_is_no_toml():
    assert complaint("[site]\n  name shop\n").evidence == ("name shop",)


def test_a_text_that_looks_like_a_section_is_not_taken_for_one():
    text = '[verify]\ncontains = """\n[run]\nreplicas = 1\n"""\n[run]\nreplicas = 0\n'
    assert complaint(text).where == "pushlive.toml:7"


def test_hostile_nesting_is_refused():
    assert "nested" in complaint("a = " + "[" * 20000).cause


@pytest.mark.parametrize("text", ["[run]\nreplicas = " + "9" * 5000, "[cache]\nmemory = '" + "9" * 5000 + "'"])
def test_numbers_beyond_all_measure_are_refused(text):
    assert complaint(text).where == ("pushlive.toml:2")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[app]\nwsgi = 'a:b'\nasgi = 'c:d'", "app.asgi: wsgi is set too, and a site has one application"),
        ("[site]\nhosts = ['https://a.example']", 'site.hosts: "https://a.example" is an address and not a host name'),
        ("[site]\nhosts = ['a b']", 'site.hosts: "a b" is not a host name'),
        ("[site]\nhosts = ['my_site.example.com']", 'site.hosts: "my_site.example.com" is not a host name'),
        ("[site]\nhosts = ['*']", 'site.hosts: "*" is not a host name'),
        ("[site]\nhosts = ['.']", 'site.hosts: "." is not a host name'),
        ("[site]\nhosts = ['']", 'site.hosts: "" is not a host name'),
        ("[run]\nsecrets = ['KEY']\nenv = { KEY = 'x' }", "run.secrets: KEY is in env too"),
        ("[run]\nautoscale = { min = 5, max = 2 }", "run.autoscale: min 5 is more than max 2"),
        ("[[trigger]]\nrun = []", "trigger[0].run: names no program"),
        ("[cache]\nmemory = '100k'", "cache.memory: 100k is less than 1Mi"),
        ("[cache]\nmax_item_size = '10'", "cache.max_item_size: 10 is not between 1Ki and 1Gi"),
        ("[cache]\nmax_item_size = '48Mi'", "cache.max_item_size: 48Mi is more than half of the memory, 64Mi"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(text, cause):
    error = complaint(text)
    assert error.cause == cause
    assert error.where.startswith("pushlive.toml:")
    assert error.remedy


def test_a_host_may_be_a_wildcard():
    assert parse("[site]\nhosts = ['.example.com', 'localhost', '10.0.0.1']").site.hosts[0] == ".example.com"


def test_the_error_reads_as_one_line():
    assert str(complaint("[run]\nreplicas = 'two'")) == (
        'run.replicas: expected a whole number, got "two" (pushlive.toml:2). Write a whole number there.'
    )


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path):
    (tmp_path / "pushlive.toml").write_bytes(b'[site]\nname = "caf\xe9"\n')
    with pytest.raises(SettingsError, match=r"pushlive\.toml is not UTF-8 \(pushlive\.toml:2\)"):
        read(tmp_path)


def test_a_file_that_is_far_too_large_is_refused(tmp_path):
    (tmp_path / "pushlive.toml").write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(SettingsError, match="more than"):
        read(tmp_path)


def test_many_names_are_written_as_django_reads_them():
    error = complaint("[site]\nhosts = ['*.example.com']")
    assert "in a way that Django does not read" in error.cause
    assert '".example.com"' in error.remedy


@pytest.mark.parametrize("host", ["www.example.com", ".example.com", "localhost", "10.0.0.1", "Example.COM", "xn--a-1"])
def test_a_host_that_is_taken_is_one_that_django_answers(host):
    (taken,) = parse(f"[site]\nhosts = ['{host}']").site.hosts
    name, _port = split_domain_port(taken)
    assert validate_host(name, [taken])
