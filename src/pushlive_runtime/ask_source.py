"""Which settings the value read on a line flows into, as far as the file itself shows.

A hint only, for choosing what to try first: whether it is so is seen by trying.
"""

import ast
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple

SETTINGS: FrozenSet[str] = frozenset(
    {
        "SECRET_KEY",
        "DEBUG",
        "ALLOWED_HOSTS",
        "DATABASES",
        "CACHES",
        "STATIC_ROOT",
        "STATIC_URL",
        "MEDIA_ROOT",
        "MEDIA_URL",
        "STORAGES",
        "CSRF_TRUSTED_ORIGINS",
        "SECURE_SSL_REDIRECT",
        "SECURE_PROXY_SSL_HEADER",
        "LOGGING",
    },
)
"""The settings a flow ends in: it is not followed through one of them into the next."""

_DEPTH = 3
_CHANGES = {"append", "extend", "insert", "update", "add", "setdefault"}


class _Statement(NamedTuple):
    first: int
    last: int
    writes: FrozenSet[str]
    reads: FrozenSet[str]


class Source:
    """One file's statements: what each writes and what it reads."""

    def __init__(self, text: str) -> None:
        self._statements = tuple(_statements(ast.parse(text)))

    def flows(self, line: int) -> Tuple[str, ...]:
        """The settings that the statement on `line` reaches, the nearest first."""
        reached: List[str] = []
        names: Set[str] = set(self._writes(line))
        seen: Set[str] = set()
        for _ in range(_DEPTH):
            reached += sorted(name for name in names if name in SETTINGS and name not in reached)
            seen |= names
            names = self._after(names - SETTINGS) - seen
        return tuple(reached)

    def _writes(self, line: int) -> FrozenSet[str]:
        at = [part for part in self._statements if part.first <= line <= part.last]
        return min(at, key=lambda part: part.last - part.first).writes if at else frozenset()

    def _after(self, names: Set[str]) -> Set[str]:
        return {name for part in self._statements if part.reads & names for name in part.writes}


def read(path: str) -> Optional[Source]:
    """A file's statements, or None when it cannot be read as Python."""
    try:
        with open(path, encoding="utf-8") as file:
            return Source(file.read())
    except (OSError, SyntaxError, ValueError):
        return None


def _statements(tree: ast.AST) -> Iterator[_Statement]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            yield _whole(node, frozenset(_targets(node)))
        elif isinstance(node, ast.Expr):
            yield _whole(node, frozenset(_changed(node.value)))
        elif isinstance(node, (ast.If, ast.While)):
            yield _test(node)


def _whole(node: ast.stmt, writes: FrozenSet[str]) -> _Statement:
    return _Statement(node.lineno, node.end_lineno or node.lineno, writes, frozenset(_names(node)))


def _test(node: "ast.If | ast.While") -> _Statement:
    """An `if`: its test decides on all that is written below it."""
    inside: Dict[str, None] = {}
    for part in ast.walk(node):
        if isinstance(part, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            inside.update(dict.fromkeys(_targets(part)))
        elif isinstance(part, ast.Expr):
            inside.update(dict.fromkeys(_changed(part.value)))
    test = node.test
    return _Statement(test.lineno, test.end_lineno or test.lineno, frozenset(inside), frozenset(_names(test)))


def _targets(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    for target in targets:
        for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            yield from _root(part)


def _changed(value: ast.expr) -> Iterator[str]:
    """`ALLOWED_HOSTS.append(...)` writes ALLOWED_HOSTS."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _CHANGES:
        yield from _root(value.func.value)


def _root(node: ast.AST) -> Iterator[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load))
