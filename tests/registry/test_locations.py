"""Where a registry may send us."""

import pytest

from pushlive.model.errors import RegistryError
from pushlive.registry import locations
from pushlive.registry.locations import Nearness

PUBLIC, OURS = "https://8.8.8.8/v2/a", "https://10.0.0.5/v2/a"
THIS_MACHINE = (
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]"),
    *("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "2852039166", "224.0.0.1", "[ff02::1]"),
)
"""And what it is plugged into: 169.254.169.254 tells a cloud's machine its credentials."""


@pytest.mark.parametrize(
    ("base", "location", "found"),
    [
        (PUBLIC, "/v2/b?x=%2F", "https://8.8.8.8/v2/b?x=%2F"),
        (PUBLIC, "b", "https://8.8.8.8/v2/b"),
        (PUBLIC, "?n=2", "https://8.8.8.8/v2/a?n=2"),
        (PUBLIC, "https://8.8.4.4/b", "https://8.8.4.4/b"),
        (PUBLIC, "//8.8.4.4/b", "https://8.8.4.4/b"),
        ("http://8.8.8.8/", "https://8.8.8.8/", "https://8.8.8.8/"),
        ("http://8.8.8.8/", "http://8.8.4.4:5000/", "http://8.8.4.4:5000/"),
        (OURS, "https://10.0.0.6/b", "https://10.0.0.6/b"),
        (OURS, "https://192.168.7.7:9000/b", "https://192.168.7.7:9000/b"),
        (OURS, "https://[fd00::1]/b", "https://[fd00::1]/b"),
        (OURS, "https://8.8.8.8/b", "https://8.8.8.8/b"),
        ("https://127.0.0.1:5000/", "https://10.0.0.5/", "https://10.0.0.5/"),
        ("https://localhost:5000/", "https://127.0.0.1:5001/", "https://127.0.0.1:5001/"),
        (PUBLIC, "https://[2001:4860:4860::8888]/b", "https://[2001:4860:4860::8888]/b"),
    ],
)
def test_followed(base, location, found):
    assert locations.followed(base, location) == found


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://8.8.8.8/b", "leaves TLS"),
        ("http://8.8.4.4/b", "leaves TLS"),
        *[
            (f"https://{host}/b", "address of this network")
            for host in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00::1]", "[::ffff:10.0.0.1]")
        ],
        *[(f"https://{host}/b", "address of this machine") for host in THIS_MACHINE],
        *[
            (location, "no http address")
            for location in (
                *(
                    "file:///etc/passwd",
                    "ftp://8.8.8.8/",
                    "gopher://8.8.8.8/",
                    "javascript:1",
                    "https://[]/",
                ),
                *("https://[::1", "https://[x]/", "https://8.8.8.8:99999/", "https://8.8.8.8:x/", "https://8.8.8.8:0/"),
                *(
                    "https://user@8.8.8.8/",
                    "https://u:p@8.8.8.8/",
                    "https://evil.example\\@8.8.8.8/",
                    "https://\\8.8.8.8/",
                ),
                *(
                    "https://8.8.8.8\\.evil.example/",
                    "https://8.8.8.8%2eevil.example/",
                    "https://a b/",
                    "https://a\x1b[31m/",
                ),
            )
        ],
    ],
)
def test_not_followed(location, why):
    with pytest.raises(RegistryError, match=why) as caught:
        locations.followed(PUBLIC, location)
    assert "8.8.8.8" in caught.value.cause
    assert "u:p" not in str(caught.value)
    assert caught.value.cause.isprintable()


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_a_registry_of_our_network_leads_nobody_to_this_machine(host):
    with pytest.raises(RegistryError, match="address of this machine"):
        locations.followed(OURS, f"https://{host}/b")


@pytest.mark.parametrize("realm", ["https://8.8.4.4/token", "https://8.8.8.8/token?x=1"])
def test_a_realm_is_trusted(realm):
    assert locations.trusted_realm(PUBLIC, realm) == realm


@pytest.mark.parametrize(
    "realm", ["", "/token", "//8.8.4.4/token", "http://8.8.8.8/token", "https://10.0.0.1/token", "x:y"]
)
def test_a_realm_is_not_trusted(realm):
    with pytest.raises(RegistryError, match="not followed"):
        locations.trusted_realm(PUBLIC, realm)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/", "https://a:443/b", True),
        ("https://A/", "https://a/", True),
        ("http://a/", "http://a:80", True),
        ("http://a/", "https://a/", False),
        ("https://a/", "https://a:444/", False),
        ("https://a/", "https://b.a/", False),
    ],
)
def test_same_origin(one, other, same):
    assert locations.same_origin(one, other) is same


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://a/b", "http://a/b?digest=sha256%3A0"),
        ("http://a/b?", "http://a/b?digest=sha256%3A0"),
        ("http://a/b?x=a%2Fb+c&y", "http://a/b?x=a%2Fb+c&y&digest=sha256%3A0"),
        ("http://a/b?digest=old&x=1", "http://a/b?x=1&digest=sha256%3A0"),
    ],
)
def test_with_query(url, found):
    assert locations.with_query(url, digest="sha256:0") == found


@pytest.mark.parametrize("name", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_this_machine(name):
    assert locations.is_loopback(name)


@pytest.mark.parametrize("name", ["localhost.example", "notlocalhost", "10.0.0.1", "127.0.0.1.example", "::2", ""])
def test_another_machine(name):
    assert not locations.is_loopback(name)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "x" * 64 + ".example", "a..b"])
def test_a_name_that_nobody_knows_is_as_far_as_any(name):
    assert locations.nearness(name) is Nearness.WORLD
