"""Names of images: github.com/distribution/reference."""

import random
import string

import pytest

from pushlive.model.errors import UsageError
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository

DIGEST = f"sha256:{'0' * 63}a"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "wanted"),
    [
        ("python", "docker.io", "library/python", "latest"),
        ("python:3.13-slim", "docker.io", "library/python", "3.13-slim"),
        ("docker.io/python", "docker.io", "library/python", "latest"),
        ("index.docker.io/me/site", "docker.io", "me/site", "latest"),
        ("registry-1.docker.io/me/site:a", "docker.io", "me/site", "a"),
        ("me/site", "docker.io", "me/site", "latest"),
        ("ghcr.io/me/site:1.0", "ghcr.io", "me/site", "1.0"),
        ("ghcr.io/site", "ghcr.io", "site", "latest"),
        ("localhost/site", "localhost", "site", "latest"),
        ("localhost:5000/site:1", "localhost:5000", "site", "1"),
        ("localhost:5000", "docker.io", "library/localhost", "5000"),
        ("host:80/a/b/c", "host:80", "a/b/c", "latest"),
        ("[::1]:5000/site", "[::1]:5000", "site", "latest"),
        ("[::1]/site", "[::1]", "site", "latest"),
        ("192.168.0.1/site", "192.168.0.1", "site", "latest"),
        ("GHCR.io/site", "GHCR.io", "site", "latest"),
        ("Host/site", "Host", "site", "latest"),
        ("europe-docker.pkg.dev/project/sites/a", "europe-docker.pkg.dev", "project/sites/a", "latest"),
        (f"python@{DIGEST}", "docker.io", "library/python", DIGEST),
        (f"ghcr.io/me/site:1.0@{DIGEST}", "ghcr.io", "me/site", DIGEST),
        ("a_b/c__d/e-f/g---h/i.j", "docker.io", "a_b/c__d/e-f/g---h/i.j", "latest"),
        ("site:_", "docker.io", "library/site", "_"),
        (f"site:{'t' * 128}", "docker.io", "library/site", "t" * 128),
        (f"ghcr.io/{'r' * 255}", "ghcr.io", "r" * 255, "latest"),
    ],
)
def test_valid(text, registry, repository, wanted):
    found = Reference.parse(text)
    assert (found.registry, found.repository, found.wanted) == (registry, repository, wanted)
    assert Reference.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":",
            "/",
            "@",
            " ",
            "a b",
            "-a",
            "a-",
            "a/",
            "/a",
            "a//b",
            "a..b",
            "a___b",
            ".a",
            "a.",
            "A",
            "me/Site",
            "ä",
        ),
        *("a:", "a:b:c", "a:-x", "a:.x", "a:b/c:", f"a:{'t' * 129}", f"ghcr.io/{'r' * 256}", "a:b c", "a:\n", "a\n"),
        *("a@", "a@sha256:0", f"a@{DIGEST}0", f"a@{DIGEST.upper()}", f"a@sha512:{'0' * 128}", f"a@{DIGEST}@{DIGEST}"),
        *("ghcr.io/", "ghcr.io:/a", "ghcr.io:x/a", "ghcr.io:123456/a", "ghcr.io:99999/a", "ghcr.io:0/a", "-h.io/a"),
        *("[::1/a", "[:::1]/a", "[]/a", "[::x]/a", "a.b..c/d", ".b/c:1", "https://ghcr.io/a", "user:pw@ghcr.io/a"),
        *(
            "ghcr.io/../a",
            "ghcr.io/%2e%2e/a",
            "ghcr.io/a?b",
            "ghcr.io/a#b",
            "ghcr.io\\@evil/a",
            "ghcr.io /a",
            "g_h.io/a",
        ),
        *("\N{FULLWIDTH DIGIT ONE}27.0.0.1/a", "ghcr\N{IDEOGRAPHIC FULL STOP}io/a"),
    ],
)
def test_invalid(text):
    with pytest.raises(UsageError, match="is no name of an image") as caught:
        Reference.parse(text)
    assert len(str(caught.value)) < 1000


def test_whatever_is_written_is_read_or_refused():
    """And what is read has an address."""
    made = random.Random(1)
    alphabet = string.ascii_letters + string.digits + "::://///@@...[[]]-_ %\\\n\0é"
    heads = ["", "[::", "localhost:", "a.b/", "a@sha256:", "ghcr.io:65535/"]
    for _ in range(20_000):
        text = made.choice(heads) + "".join(made.choices(alphabet, k=made.randrange(12)))
        try:
            found = Reference.parse(text)
        except UsageError:
            continue
        assert Reference.parse(str(found)) == found
        assert Repository(found, insecure=True).transport.base == f"http://{found.host}"


def test_other_names_of_the_same():
    found = Reference.parse("ghcr.io/me/site:1")
    assert str(found.tagged("2")) == "ghcr.io/me/site:2"
    assert found.name == "ghcr.io/me/site"
    assert Reference.parse("python").host == "registry-1.docker.io"
