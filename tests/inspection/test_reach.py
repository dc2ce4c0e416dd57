import socket

import pytest

from pushlive.inspection.reach import answers
from pushlive.inspection.values import Database


def postgres(**place):
    return Database("default", "django.db.backends.postgresql", **place)


def test_a_server_that_listens_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert answers(postgres(host="127.0.0.1", port=port))
        assert answers(postgres(host="absent.invalid, 127.0.0.1", port=port))


def test_nothing_there_does_not():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert not answers(postgres(host="127.0.0.1", port=str(taken.getsockname()[1])))
    assert not answers(postgres(host="/absent/folder"))


def test_an_engine_that_is_not_known_gets_the_benefit_of_the_doubt():
    assert answers(Database("default", "vendor.backend", host="absent.invalid"))


@pytest.mark.parametrize(
    ("engine", "option"),
    [
        ("postgresql", "service"),
        ("postgresql", "host"),
        ("mysql", "read_default_file"),
        ("mysql", "unix_socket"),
    ],
)
def test_where_the_options_say_it_nothing_is_looked_for(engine, option):
    database = Database("default", f"django.db.backends.{engine}", port="1")
    assert not answers(database)
    assert answers(Database("default", f"django.db.backends.{engine}", port="1", options=("charset", option)))


@pytest.mark.parametrize("name", ["PGHOST", "PGSERVICE"])
def test_where_the_environment_says_it_nothing_is_looked_for(name):
    assert not answers(postgres(port="1"), {"OTHER"})
    assert answers(postgres(port="1"), {"OTHER", name})
    assert not answers(postgres(host="/absent/folder"), {name})


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", "70000"), ("a\0b", "1"), (f"{'a' * 64}.test", "1")])
def test_what_is_no_address_does_not_answer(host, port):
    assert not answers(postgres(host=host, port=port))
