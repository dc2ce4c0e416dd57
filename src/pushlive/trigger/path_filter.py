"""Path filters with Cloud Build's meaning: Go's path.Match characters, `**` and `{a,b}`; a dot is nothing special.

`*`, `?` and a class stay inside one path component; `**` as a whole component stands for any number of them, none
included, so `docs/**` also matches `docs` itself. Upper and lower case differ. A pattern matches the whole path.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

MOST_ALTERNATIVES = 1000
"""How many plain patterns the braces of one pattern may stand for."""


_SPECIAL = "*?[\\"


class BadPatternError(ValueError):
    """A pattern that cannot be read; the text says why."""


def matching(paths: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Those of `paths` that match at least one of `patterns`, in their order. Raises BadPatternError."""
    plain = tuple(alternative for pattern in patterns for alternative in alternatives(pattern))
    return tuple(path for path in paths if _matches(path, plain))


def matches(path: str, pattern: str) -> bool:
    """Whether the whole of `path` matches. Raises BadPatternError."""
    return bool(matching((path,), (pattern,)))


@lru_cache(maxsize=256)
def alternatives(pattern: str) -> tuple[str, ...]:
    """The patterns without braces that `pattern` stands for. Raises BadPatternError."""
    outer: list[tuple[list[str], list[str]]] = []
    current = [""]
    for piece in _pieces(pattern):
        if piece == "{":
            outer.append((current, []))
            current = [""]
        elif piece == "}":
            current = _close(pattern, outer, current)
        elif piece == "," and outer:
            outer[-1][1].extend(current)
            current = [""]
        else:
            current = [text + piece for text in current]
    if outer:
        raise BadPatternError(f'"{pattern}" has a {{ that is never closed')
    return tuple(plain for text in current for plain in _with_bare_folder(text))


def _close(pattern: str, outer: list[tuple[list[str], list[str]]], last: list[str]) -> list[str]:
    if not outer:
        raise BadPatternError(f'"{pattern}" has a }} that nothing opened')
    before, done = outer.pop()
    done.extend(last)
    if len(before) * len(done) > MOST_ALTERNATIVES:
        raise BadPatternError(f"its braces stand for more than {MOST_ALTERNATIVES} patterns")
    return [head + tail for head in before for tail in done]


def _with_bare_folder(plain: str) -> Iterator[str]:
    """`docs/**` matches `docs` too, which wcmatch alone does not."""
    yield plain
    if plain.endswith("/**"):
        yield plain.removesuffix("/**")


def _pieces(pattern: str) -> Iterator[str]:
    """Single characters, escaped characters and whole classes."""
    at = 0
    while at < len(pattern):
        end = _end_of_piece(pattern, at)
        piece = pattern[at:end]
        # wcmatch reads [[:alpha:]] as POSIX does; here a [ inside a class is a character like any other.
        yield "[" + piece[1:].replace("[", r"\[") if piece[0] == "[" else piece
        at = end


def _end_of_piece(pattern: str, at: int) -> int:
    if pattern[at] == "\\":
        if at + 1 == len(pattern):
            raise BadPatternError(f'"{pattern}" ends with a \\ that escapes nothing')
        return at + 2
    return _end_of_class(pattern, at) if pattern[at] == "[" else at + 1


def _end_of_class(pattern: str, at: int) -> int:
    first = end = at + 2 if pattern[at + 1 : at + 2] in {"^", "!"} else at + 1
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    if end >= len(pattern):
        raise BadPatternError(f'"{pattern}" has a [ that is never closed')
    if end == first:
        raise BadPatternError(f'"{pattern}" has an empty [ ]')
    return end + 1


def _matches(path: str, plain: Sequence[str]) -> bool:
    if path in plain:
        return True
    likely = [pattern for pattern in plain if path.startswith(_literal(pattern))]
    if not any(character in pattern for pattern in likely for character in _SPECIAL):
        return False
    from wcmatch import glob  # noqa: PLC0415  # 25 ms, and most pushes' filters need it only here

    return glob.globmatch(path, likely, flags=glob.GLOBSTAR | glob.DOTGLOB | glob.FORCEUNIX | glob.CASE)


def _literal(pattern: str) -> str:
    """What stands before the first special character: every path that matches begins so."""
    return pattern[: next((at for at, character in enumerate(pattern) if character in _SPECIAL), len(pattern))]
