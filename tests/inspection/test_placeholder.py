import json

import pytest

from pushlive.inspection import placeholder


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("s3cr3t-Key!", "x0xx0x-xxx!"),
        ("5432", "0000"),
        ("true", "true"),
        ("", ""),
        ("postgres://bob:hunter2@db.test:5432/app?sslpassword=x", "postgres://user:password@db.test:5432/app"),
        ("redis://cache.test/0", "redis://cache.test/0"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("http://[broken", "xxxx://[xxxxxx"),
        ('{"user": "bob", "port": 1}', '{"user": "xxx", "port": 1}'),
        ("{broken", "{xxxxxx"),
        ("-----BEGIN KEY-----\nabc1\n-----END KEY-----", "-----BEGIN KEY-----\nxxx0\n-----END KEY-----"),
    ],
)
def test_keeps_the_form_and_tells_nothing_else(value, shape):
    assert placeholder(value) == shape


def test_a_list_stays_one():
    assert json.loads(placeholder('["a", {"b": "c"}]')) == ["x", {"b": "x"}]
