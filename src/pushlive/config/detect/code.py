"""Read Python source without running it: which strings a name can have, which modules are star-imported.

Source this Python cannot parse (another version's syntax) is searched line by line instead.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from pushlive.config.detect.files import Files, join, parent

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
_LITERAL = r"""\s*=\s*["']([^"'\n]+)["']"""
SET_SETTINGS = SETTINGS_VARIABLE + r"""["'\]]*\s*[,=]\s*["']([\w.]+)["']"""
"""Where a file names a settings module outright, as a pattern."""
_READERS = frozenset({"get", "getenv", "env", "config", "str"})
"""Functions that read the environment and take a default: os.environ.get(name, default) and its like."""
_DEEPEST = 8
"""How many star imports or names are followed before it is called a circle."""


class Found(Struct, frozen=True):
    """A string in the source and where it stands: `proj/settings.py:71`."""

    text: str
    origin: str


class Source(Struct, frozen=True):
    """A Python file. `tree` is None when this Python cannot parse it."""

    path: str
    text: str
    tree: ast.Module | None
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    stars: tuple[tuple[int, str], ...] = ()
    """`from … import *` outside of functions, as (level, module), in their order."""

    def value(self, name: str) -> tuple[Found, ...]:
        """The strings that `name` can have, those of its last assignment, as far as they stand in the source."""
        if self.tree is None:
            return self._searched(name)
        found = self.assigned.get(name, [])
        return tuple(self._strings(found[-1], 0)) if found else ()

    def members(self, name: str) -> tuple[Found, ...]:
        """The strings in every list assigned or added to `name`."""
        return tuple(found for value in self.assigned.get(name, []) for found in self._strings(value, 0))

    def assigns(self, name: str) -> bool:
        """Whether `name` is assigned, whatever to: a star import, a conditional or a class body counts."""
        return name in self.assigned or (
            self.tree is None and bool(re.search(rf"^\s*{name}\s*(:[^=]+)?=", self.text, re.MULTILINE))
        )

    def settings_modules(self) -> tuple[Found, ...]:
        """What the file makes of DJANGO_SETTINGS_MODULE when the environment does not say."""
        if self.tree is None:
            return tuple(self._lines(SET_SETTINGS))
        return tuple(found for expression in _settings_values(self.tree) for found in self._strings(expression, 0))

    def imports(self) -> frozenset[str]:
        """The first parts of the modules that are imported by their full name, at any place."""
        found = set()
        for node in ast.walk(self.tree) if self.tree else ():
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
        return frozenset(found)

    def _strings(self, node: ast.expr, depth: int) -> Iterator[Found]:
        if depth > _DEEPEST:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Found(node.value, f"{self.path}:{node.lineno}")
        for part in self._parts(node):
            yield from self._strings(part, depth + 1)

    def _parts(self, node: ast.expr) -> list[ast.expr]:
        """The expressions whose value `node` can have, or whose members it holds."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                return [body, orelse]
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
                return values
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return [left, right]
            case ast.Call(func=ast.Attribute(attr=reader) | ast.Name(id=reader)) if reader in _READERS:
                return [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "default")]
            case ast.Name(id=name):
                return self.assigned.get(name, [])[-1:]
        return []

    def _searched(self, name: str) -> tuple[Found, ...]:
        return tuple(self._lines(rf"^{re.escape(name)}{_LITERAL}"))[-1:]

    def _lines(self, pattern: str) -> Iterator[Found]:
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := re.search(pattern, line):
                yield Found(found[1], f"{self.path}:{number}")


class Sources:
    """The Python files of a tree, each parsed once."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._parsed: dict[str, Source | None] = {}

    def at(self, path: str) -> Source | None:
        """The file at `path`; None when it is not there."""
        if path not in self._parsed:
            text = self.files.text(path)
            self._parsed[path] = None if text is None else _parse(path, text)
        return self._parsed[path]

    def module_file(self, dotted: str, bases: tuple[str, ...]) -> tuple[str, str] | None:
        """The file of a module and the folder among `bases` it is imported from."""
        relative = dotted.replace(".", "/")
        for base in bases:
            path = self.files.first(join(base, f"{relative}.py"), join(base, relative, "__init__.py"))
            if path:
                return path, base
        return None

    def chain(self, path: str, bases: tuple[str, ...]) -> tuple[Source, ...]:
        """The file and those it star-imports, the ones whose names win first."""
        seen: dict[str, Source] = {}
        self._follow(path, bases, seen)
        return tuple(seen.values())

    def _follow(self, path: str, bases: tuple[str, ...], seen: dict[str, Source]) -> None:
        source = self.at(path)
        if source is None or path in seen or len(seen) > _DEEPEST:
            return
        seen[path] = source
        for level, module in reversed(source.stars):
            start = (_ancestor(path, level),) if level else bases
            found = self.module_file(module, start)
            if found:
                self._follow(found[0], bases, seen)


def last_value(chain: tuple[Source, ...], name: str) -> tuple[Found, ...]:
    """What `name` is in a settings module, star imports included."""
    return next((value for source in chain if (value := source.value(name))), ())


def _ancestor(path: str, level: int) -> str:
    """The folder that `level` leading dots mean in the module at `path`."""
    for _ in range(level):
        path = parent(path)
    return path


def _parse(path: str, text: str) -> Source:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the site's own escapes and comparisons
            tree = ast.parse(text)
        statements = tuple(_statements(tree.body))
        return Source(path, text, tree, _assignments(statements), tuple(_stars(statements)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Source(path, text, None)


def _assignments(statements: Iterable[ast.stmt]) -> dict[str, list[ast.expr]]:
    """Every value assigned or added to a name, in the order of the source."""
    found: dict[str, list[ast.expr]] = {}
    for node in statements:
        for name, value in _bindings(node):
            found.setdefault(name, []).append(value)
    return found


def _stars(statements: Iterable[ast.stmt]) -> Iterator[tuple[int, str]]:
    for node in statements:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield node.level, node.module or ""


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements outside of functions."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for part in ("body", "orelse", "handlers", "finalbody"):
            yield from _statements(getattr(node, part, []))


def _bindings(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def _settings_values(tree: ast.Module) -> Iterator[ast.expr]:
    """The second argument of setdefault("DJANGO_SETTINGS_MODULE", …), or what is assigned to environ[…]."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(args=[ast.Constant(value=name), value, *_]) if name == SETTINGS_VARIABLE:
                yield value
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=name))], value=value) if (
                name == SETTINGS_VARIABLE
            ):
                yield value
