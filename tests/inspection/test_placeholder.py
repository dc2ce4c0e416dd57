import json

import pytest

from pushlive.inspection import placeholder


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("s3cr3t-Key!", "x0xx0x-xxx!"),
        ("5432", "5432"),
        ("-1.5", "-1.5"),
        ("123456", "000000"),
        ("INFO", "INFO"),
        ("production", "production"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Europe/hunter2", "xxxxxx/xxxxxx0"),
        ("de-at", "de-at"),
        ("django.core.mail.backends.smtp.EmailBackend", "django.core.mail.backends.smtp.EmailBackend"),
        ("django-insecure-abc", "xxxxxx-xxxxxxxx-xxx"),
        ("correct.horse", "xxxxxxx.xxxxx"),
        ("true", "true"),
        ("", ""),
        ("postgres://bob:hunter2@db.test:5432/app?sslpassword=x", "postgres://user:password@db.test:5432/app"),
        ("redis://cache.test/0", "redis://cache.test/0"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("http://[broken", "xxxx://[xxxxxx"),
        ('{"user": "bob", "port": 1}', '{"user": "xxx", "port": 1}'),
        (
            '{"pin": 123456, "ratio": 0.123456, "on": true, "none": null}',
            '{"pin": 100000, "ratio": 1.0, "on": true, "none": null}',
        ),
        ('{"most": 1e308, "least": -123456}', '{"most": 1.0, "least": 100000}'),
        ("[NaN, Infinity]", "[1.0, 1.0]"),
        ("{broken", "{xxxxxx"),
        ("-----BEGIN KEY-----\nabc1\n-----END KEY-----", "-----BEGIN KEY-----\nxxx0\n-----END KEY-----"),
    ],
)
def test_keeps_the_form_and_tells_nothing_else(value, shape):
    assert placeholder(value) == shape


def test_a_list_stays_one():
    assert json.loads(placeholder('["a", {"b": "c"}]')) == ["x", {"b": "x"}]
