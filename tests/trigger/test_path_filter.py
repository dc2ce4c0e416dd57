from pathlib import Path

import pytest

from pushlive.trigger.path_filter import MOST_ALTERNATIVES, BadPatternError, alternatives, matches, matching

VECTORS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "path_filter.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def verdict(pattern, path):
    try:
        return "match" if matches(path, pattern) else "no"
    except BadPatternError:
        return "error"


def test_the_reference_vectors_are_all_there():
    assert len(VECTORS) == 35


@pytest.mark.parametrize(("pattern", "path", "expected"), VECTORS)
def test_agrees_with_the_reference(pattern, path, expected):
    assert verdict(pattern, path) == expected


# What doublestar v4 answers, beyond the vectors.
@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{a}", "a", "match"),
        ("{1..3}", "2", "no"),
        ("{a,}b", "b", "match"),
        ("{k8s/**,x}", "k8s", "match"),
        (r"a\*", "a*", "match"),
        (r"a\*", "ab", "no"),
        (r"{a,b\}}", "b}", "match"),
        ("[{]", "{", "match"),
        ("[a,b]", ",", "match"),
        ("[[:alpha:]]", "x", "no"),
        ("a,b", "a,b", "match"),
        ("!a", "!a", "match"),
        ("~", "~", "match"),
        ("@(a|b)", "a", "no"),
        ("*", "a\nb", "match"),
        ("[a", "a", "error"),
        ("[]a]", "a", "error"),
        ("a\\", "a", "error"),
        ("{a,{b}", "a", "error"),
        ("", "a", "no"),
    ],
)
def test_agrees_with_doublestar_on_what_other_globs_read_differently(pattern, path, expected):
    assert verdict(pattern, path) == expected


def test_keeps_the_order_of_the_paths_that_match_any_pattern():
    assert matching(["z.md", "a.py", "b.rst"], ["*.rst", "*.md"]) == ("z.md", "b.rst")


def test_a_bad_pattern_says_what_is_wrong_with_it():
    with pytest.raises(BadPatternError, match=r'"\{k8s" has a \{ that is never closed'):
        alternatives("{k8s")


def test_refuses_braces_that_stand_for_too_many_patterns():
    with pytest.raises(BadPatternError, match=str(MOST_ALTERNATIVES)):
        alternatives("{a,b}" * 20)
