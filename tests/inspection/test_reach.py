import socket

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
