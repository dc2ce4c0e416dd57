import json
from pathlib import Path

import pytest

from pushlive.inspection.answers import observation
from pushlive.inspection.records import records
from pushlive.inspection.values import App, Level

APP = App(Path("/tree"))
END = {"record": "end"}
CAME = {
    "MODULE": "proj.settings",
    "DEBUG": False,
    "ALLOWED_HOSTS": None,
    "SECRET_KEY": {"empty": False, "insecure": False, "drawn": False, "print": ""},
    "DATABASES": [],
    "CACHES": [],
    "STATIC_URL": "/static/",
    "STATIC_ROOT": "",
    "MEDIA_URL": "",
    "MEDIA_ROOT": "",
    "STORAGE": {"backend": ""},
    "MIDDLEWARE": [],
    "SECURE_SSL_REDIRECT": False,
    "CSRF_TRUSTED_ORIGINS": [],
    "LOG_FILES": [],
    "IGNORED": [],
}
ERROR = {
    "record": "error",
    "phase": "settings",
    "type": "ValueError",
    "message": "m",
    "where": "",
    "missing_file": "",
    "causes": [],
    "fields": [],
    "traceback": "",
}
READ = {"name": "A", "present": False, "bare": True, "library": "", "where": [], "flows": []}


def seen(text, **given):
    return observation(text, APP, nonce="abc", code=0, printed="", **given)


def answered(*found, **given):
    return seen("\n".join(f"abc {json.dumps(record)}" for record in (*found, END)), **given)


def settings(**changed):
    return {"record": "settings", "settings": {**CAME, **changed}}


def test_only_lines_under_the_number_are_taken():
    text = 'abc {"record": "begin", "job": "settings"}\nxyz {"record": "end"}\nnoise\nabc not json\nabc {"record": "e'
    assert [record.job for record in records(text, "abc")] == ["settings"]


def test_a_process_that_was_cut_off_has_said_how_far_it_came():
    found = seen('abc {"record": "begin", "job": "settings"}\nabc {"record": "begin", "job": "check"}\n')
    assert found.reached == "check"
    assert not found.ended
    assert found.settings is None


def test_a_check_of_a_level_of_its_own_counts_as_the_one_below():
    message = {"id": "x.1", "level": 35, "message": "m", "hint": ""}
    assert answered({"record": "check", "messages": [message]}).checks[0].level is Level.WARNING


@pytest.mark.parametrize(
    "record",
    [
        *({"record": "static", "fingerprint": mark} for mark in ("/any", "../x", "a", "A" * 64, f"{'a' * 64}\n", "")),
        {"record": "static", "fingerprint": "b" * 64, "unchanged": True},
        {"record": "static", "fingerprint": "a" * 64, "unchanged": "yes"},
        *(
            {"record": "settings", "made": [path]}
            for path in ("../x", "/x", "a/../../x", "a/..", "..", "", "a\0b", "\ud800")
        ),
        settings(MODULE="/etc/x"),
        settings(STATIC_URL=5),
        settings(ALLOWED_HOSTS=[5]),
        settings(DATABASES=[{"alias": "default"}]),
        {"record": "settings", "settings": {}},
        {"record": "reads", "reads": [{"name": "A"}]},
        {"record": "check", "messages": [{"id": "x", "level": "high", "message": "", "hint": ""}]},
        {"record": "migrations", "databases": {}, "missing": []},
        {**ERROR, "missing_file": 1},
        {"record": "error"},
        {"record": "unheard of"},
        {},
        [],
        5,
    ],
)
def test_an_answer_that_is_not_of_its_form_is_none(record):
    found = answered({"record": "begin", "job": "check"}, record, known=("a" * 64,))
    assert found.malformed
    assert not found.ended
    assert (found.static, found.settings, found.made, found.reached) == (None, None, (), "check")


def test_one_that_is_of_its_form_is_taken():
    static = {"record": "static", "fingerprint": "a" * 64, "unchanged": True}
    found = answered(settings(), static, ERROR, known=("a" * 64,))
    assert (found.malformed, found.ended) == ("", True)
    assert found.static.fingerprint == "a" * 64


def test_a_folder_that_was_made_is_told_in_the_shortest_way():
    assert answered({"record": "settings", "made": ["var//a/../data/"]}).made == ("var/data",)


@pytest.mark.parametrize("path", ["../victim/x", "/victim/x", "a/../../x", "..", "."])
def test_a_lacking_file_outside_of_the_tree_is_words_alone(path):
    failure = answered({**ERROR, "missing_file": path}).failure
    assert (failure.missing_file, failure.missing_elsewhere) == ("", path)


def test_a_lacking_file_of_the_tree_is_a_path():
    failure = answered({**ERROR, "missing_file": "logs/./site.log"}).failure
    assert (failure.missing_file, failure.missing_elsewhere) == ("logs/site.log", "")


def test_names_that_no_process_can_be_given_are_passed_over():
    names = ("A", "B=C", "", "D\0", "$(id)", "E F", "\ud800")
    assert [
        read.name for read in answered({"record": "reads", "reads": [{**READ, "name": n} for n in names]}).reads
    ] == ["A"]
    assert answered({**ERROR, "fields": list(names)}).failure.fields == ("A",)


@pytest.mark.parametrize("path", ["/elsewhere/db", "../db", "file:/etc/passwd?mode=ro", "a\0b"])
def test_a_database_outside_of_the_tree_has_no_path_in_it(path):
    database = {"alias": "default", "engine": "x.sqlite3", "name": path, "host": "", "port": "", "options": []}
    assert answered(settings(DATABASES=[database])).settings.databases[0].path is None


def test_an_answer_without_end_is_none():
    assert not seen("abc " + "[" * 1_000_000).ended
