"""What builders print when they fail; the texts are theirs, word for word."""

import pytest

from pushlive.image import builder_output

DOCKERFILE = '# a site\nFROM python:3.13\n\nRUN pip install \\\n    # all of it\n    shop==9\nENV a="b"\nENV a="b"\n'
BUILDAH = """\
STEP 2/3: RUN pip install     shop==9
ERROR: No matching distribution found for shop==9
Error: building at STEP "RUN pip install     shop==9": while running runtime: exit status 1
"""
CLASSIC = """\
Sending build context to Docker daemon  5.632kB
Step 2/3 : RUN pip install     shop==9
 ---> Running in 8273967a5cff
ERROR: No matching distribution found for shop==9
The command '/bin/sh -c pip install     shop==9' returned a non-zero code: 1
"""
BUILDKIT = """\
#5 [2/3] RUN pip install     shop==9
#5 1.204 ERROR: No matching distribution found for shop==9
------
 > [2/3] RUN pip install     shop==9:
1.204 ERROR: No matching distribution found for shop==9
------
Dockerfile:4
--------------------
   3 |
   4 | >>> RUN pip install \\
   5 | >>>     # all of it
   6 | >>>     shop==9
   7 |     ENV a="b"
--------------------
error: failed to solve: process "/bin/sh -c pip install shop==9" did not complete successfully: exit code: 1
"""
OLDER_BUILDKIT = (
    BUILDKIT.partition("Dockerfile:4")[0] + "executor failed running [/bin/sh -c pip install]: exit code: 1\n"
)


@pytest.mark.parametrize("output", [BUILDAH, CLASSIC, BUILDKIT, OLDER_BUILDKIT])
def test_the_instruction_that_failed_is_found_with_its_line(output):
    assert builder_output.line(output, DOCKERFILE) == 4
    told = builder_output.evidence(output)
    assert any("RUN pip install" in text for text in told)
    assert any("No matching distribution" in text for text in told)
    assert len(told) <= builder_output.LINES + 1


def test_no_line_is_told_where_two_are_alike_or_none():
    assert builder_output.line("Step 3/4 : ENV a=b\nfailed\n", DOCKERFILE) is None
    assert builder_output.line("Step 3/4 : ENV other\nfailed\n", DOCKERFILE) is None
    assert builder_output.line("nonsense", DOCKERFILE) is None


def test_a_failed_push_is_no_failed_build():
    assert builder_output.at_push("#7 ERROR: failed to push ghcr.io/me/site: 401 Unauthorized\n")
    assert not any(map(builder_output.at_push, (BUILDKIT, OLDER_BUILDKIT)))


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: failed to build: Multi-platform build is not supported for the docker driver.\nSwitch to",
        "ERROR: BuildKit is enabled but the buildx component is missing or broken.",
    ],
)
def test_what_docker_cannot_do_here_is_no_fault_of_the_dockerfiles(said):
    assert builder_output.unable(said)
    assert not any(map(builder_output.unable, (BUILDAH, CLASSIC, BUILDKIT)))


def test_of_a_long_line_the_end_is_shown():
    (told,) = builder_output.last_words(f"Error: pushing image: {'trying: ' * 40}connection refused\n")
    assert told.startswith("…")
    assert told.endswith("connection refused")
