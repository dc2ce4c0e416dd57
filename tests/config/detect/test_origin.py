import pytest

from pushlive.model.errors import SettingsError
from tests.config.sites import django

URLS = "[project.urls]\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (URLS + 'Repository = "https://github.com/me/site"\n', "https://github.com/me/site"),
        (URLS + '"Source Code" = "https://git.example/me/site"\n', "https://git.example/me/site"),
        (URLS + 'Homepage = "https://me.example"\nsource = "http://git.example/x"\n', "http://git.example/x"),
        ('[tool.poetry]\nrepository = "https://github.com/me/site"\n', "https://github.com/me/site"),
        (URLS + 'Source = "https://me:secret@git.example:8443/x?y#z"\n', "https://git.example:8443/x?y#z"),
    ],
)
def test_where_the_source_is_kept_is_read_without_credentials(site, text, found):
    assert site(django() | {"pyproject.toml": text}).source == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        URLS + 'Homepage = "https://me.example"\n',
        URLS + 'Source = "git@github.com:me/site.git"\n',
        URLS + 'Source = "javascript:alert(1)"\n',
        URLS + 'Source = "https://[::1"\n',
        URLS + "Source = 3\n",
        URLS + 'Source = "https://a\\nb"\n',
        "[project]\nurls = 3\n",
    ],
)
def test_what_says_nothing_of_it_is_left(site, text):
    assert site(django() | {"pyproject.toml": text}).source == ""


def test_the_site_file_wins_and_check_says_so(site):
    files = {"pyproject.toml": URLS + 'Source = "https://a"\n', "pushlive.toml": '[site]\nsource = "https://b/c"\n'}
    found = site(django() | files)
    assert found.source == "https://b/c"
    assert [(fact.value, fact.origin) for fact in found.facts if fact.key == "site.source"] == [
        ("https://b/c", "pushlive.toml")
    ]


def test_credentials_in_the_site_file_are_refused(site):
    with pytest.raises(SettingsError, match="without credentials"):
        site(django() | {"pushlive.toml": '[site]\nsource = "https://me:secret@b/c"\n'})
