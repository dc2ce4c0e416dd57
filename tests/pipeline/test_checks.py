"""What is looked at before a push, where a machine or a site is not the usual one."""

from msgspec.structs import replace

from pushlive.pipeline import checks
from pushlive.pipeline.checks import Grade
from tests.history.conftest import FULL

PRINTED = """\
System check identified some issues:

ERRORS:
<class 'shop.admin.ItemAdmin'>: (admin.E108) The value of 'list_display[0]' refers to 'nme'.
WARNINGS:
?: (security.W004) You have not set a value for the SECURE_HSTS_SECONDS setting.
shop.Item: (models.W042) Auto-created primary key used when not defining a primary key type.
\tHINT: Configure the DEFAULT_AUTO_FIELD setting.

System check identified 3 issues (0 silenced).
"""


def findings(machine, context=None):
    return {each.subject: each for each in checks.check(machine, context)}


def test_every_issue_of_django_is_told_whosever_it_is():
    found = [(each.grade, each.text.partition(" The")[0][:30]) for each in checks.issues(PRINTED.splitlines())]
    assert found == [
        (Grade.BAD, "<class 'shop.admin.ItemAdmin'>"),
        (Grade.WARNING, "(security.W004) You have not s"),
        (Grade.WARNING, "shop.Item: (models.W042) Auto-"),
    ]


def test_a_site_that_is_no_django_has_no_manage_py_to_ask(context):
    config = replace(FULL.image.config, env={"PUSHLIVE_APP": "page:application"})
    with context.history as history:
        live = history.add_release(replace(FULL, host="localhost", image=replace(FULL.image, config=config)))
        history.went_live(live.name)
    (context.site.releases / live.name).mkdir(parents=True)
    assert "django" not in findings(context.home, context)


def test_a_machine_without_git_is_told_so(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = findings(machine)["git"]
    assert (found.grade, found.text) == (Grade.BAD, "git is not installed, or not on the PATH")
    assert found.remedy


def test_a_memcached_that_no_supervisor_would_find_does_not_count(machine, tmp_path, monkeypatch):
    (tmp_path / "memcached").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(tmp_path) not in findings(machine)["memcached"].text
