"""What is wrong with a site file, said so that it can be put right: imported only once something is."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from pushlive.config.schema import SiteFile
from pushlive.config.site import FILE
from pushlive.model.errors import SettingsError

_AT = re.compile(r" - at (`key` in )?`\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_TYPE = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`| (>=|<=|>|<) (\S+)| matching)?")
_TOML_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_WORDS = {
    "int": "a whole number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": 'a list: ["…"]',
    "object": "a table",
    "null": "nothing",
}
_SHOWN = 60

Path = tuple[str | int, ...]


def no_toml(text: str, error: ValueError) -> SettingsError:
    """For a text that is not TOML."""
    found = _TOML_AT.search(str(error))
    lines = text.splitlines()
    number = int(found[1]) if found and found[1] else max(1, len(lines))
    said = _TOML_AT.sub("", str(error))
    shown = lines[number - 1].strip()[:200] if number <= len(lines) else ""
    return SettingsError(
        f"{FILE} is not TOML: {said[:1].lower()}{said[1:]}",
        where=f"{FILE}:{number}",
        remedy='A line is `key = value`, and text stands in quotes: name = "shop".',
        evidence=(shown,) if shown else (),
    )


def invalid(text: str, data: dict[str, Any], error: msgspec.ValidationError) -> SettingsError:
    """For a key or a value that the schema does not allow."""
    said = str(error)
    at = _AT.search(said)
    path = _resolve(data, _steps(at[2]) if at else ())
    message = _AT.sub("", said)
    if unknown := _UNKNOWN.fullmatch(message):
        return _unknown(text, path, unknown[1])
    if at and at[1]:
        return _bad_key(text, data, path)
    return _bad_value(text, path, _at(data, path), message)


def place(text: str, path: Path) -> str:
    """The file and the line where the key at `path` stands, or the nearest table above it: `pushlive.toml:12`."""
    best, line = 0, 0
    for number, found in _positions(text):
        if found == path[: len(found)] and len(found) > best:
            best, line = len(found), number
    return f"{FILE}:{line}" if line else FILE


def dotted(path: Path) -> str:
    """`trigger[0].ignore[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _unknown(text: str, path: Path, key: str) -> SettingsError:
    allowed = _allowed(path)
    near = difflib.get_close_matches(key, allowed, n=1)
    meant = _elsewhere(key) or (f"Did you mean {near[0]}? " if near else "")
    return SettingsError(
        f"{dotted((*path, key))}: there is no such key",
        where=place(text, (*path, key)),
        remedy=f"{meant}Allowed here: {', '.join(allowed)}.",
    )


def _bad_key(text: str, data: dict[str, Any], path: Path) -> SettingsError:
    """A name in a table of named things that does not fit: of a target, of a variable."""
    kind = _plain(_type_at(path))
    takes = _description(kind.key_type) if isinstance(kind, inspect.DictType) else ""
    table = _at(data, path)
    key = next((name for name in table if not _converts(_with_key(data, path, name))), "") if table else ""
    return SettingsError(
        f'{dotted(path)}: "{key}" does not fit',
        where=place(text, (*path, key)),
        remedy=f"Its name must be {takes}." if takes else "Give it another name.",
    )


def _bad_value(text: str, path: Path, value: Any, message: str) -> SettingsError:
    expected, got = _expected(path, message), _shown(value)
    remedy = _description(_type_at(path))
    return SettingsError(
        f"{dotted(path) or FILE}: expected {expected}, got {got}",
        where=place(text, path),
        remedy=f"It takes {remedy}." if remedy and remedy not in expected else f"Write {expected} there.",
    )


def _expected(path: Path, message: str) -> str:
    """The words for what msgspec expects."""
    if message.startswith("Invalid enum value"):
        kind = _plain(_type_at(path))
        values = kind.values if isinstance(kind, inspect.LiteralType) else ()
        return " or ".join(_shown(value) for value in values)
    found = _TYPE.search(message)
    if not found:
        return message[:1].lower() + message[1:]
    kinds = [_WORDS.get(kind.strip(), kind.strip()) for kind in found[1].split("|") if kind.strip() != "null"]
    if found[3]:
        return f"{kinds[0]} {found[3]} {found[4]}"
    if "matching" in found[0]:
        return _description(_type_at(path)) or "another text"
    return " or ".join(kinds)


def _steps(text: str) -> Path:
    return tuple(name or (int(index) if index.isdigit() else "...") for name, index in _STEP.findall(text))


def _resolve(data: dict[str, Any], path: Path) -> Path:
    """Put the key in the place of each `...`, which is all that msgspec says of one: the one that fails by itself."""
    for at, step in enumerate(path):
        if step == "...":
            table = _at(data, path[:at]) or {}
            key = next((name for name in table if not _converts(_with_key(data, path[:at], name))), "...")
            path = (*path[:at], key, *path[at + 1 :])
    return path


def _with_key(data: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    """A file with nothing in it but one member of the table at `path`."""
    value: Any = {name: _at(data, path)[name]}
    for step in reversed(path):
        value = {step: value}
    return value if isinstance(value, dict) else {}


def _converts(data: dict[str, Any]) -> bool:
    try:
        msgspec.convert(data, SiteFile)
    except msgspec.ValidationError:
        return False
    return True


def _at(data: Any, path: Path) -> Any:
    for step in path:
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            data = data[step]
        else:
            return None
    return data


def _type_at(path: Path) -> inspect.Type:
    """The type the schema has at a path, its description around it."""
    kind: inspect.Type = inspect.type_info(SiteFile)
    for step in path:
        kind = _below(_plain(kind), step)
    return kind


def _below(kind: inspect.Type, step: str | int) -> inspect.Type:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), inspect.AnyType())
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    return getattr(kind, "item_type", inspect.AnyType())


def _plain(kind: inspect.Type) -> inspect.Type:
    """Without its description, and without the alternative of being left out."""
    if isinstance(kind, inspect.Metadata):
        return _plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(_plain(member) for member in kind.types if not isinstance(member, inspect.NoneType))
    return kind


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return next((text for member in kind.types if (text := _description(member))), "")
    found = (kind.extra_json_schema or {}) if isinstance(kind, inspect.Metadata) else {}
    return str(found.get("description", ""))


def _allowed(path: Path) -> list[str]:
    kind = _plain(_type_at(path))
    return [field.encode_name for field in kind.fields] if isinstance(kind, inspect.StructType) else []


def _elsewhere(key: str) -> str:
    """The section that does have such a key."""
    sections = [name for name in _allowed(()) if key in _allowed((name,)) or key in _allowed((name, 0))]
    return f"{key} belongs under [{sections[0]}]. " if sections else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _positions(text: str) -> Iterator[tuple[int, Path]]:
    """Each line that begins a table or sets a key, with the whole path of it."""
    table: Path = ()
    counts: dict[str, int] = {}
    within = ""
    for number, line in enumerate(text.splitlines(), 1):
        quotes = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
        if within:
            within = "" if quotes == within else within
            continue
        within = quotes
        if header := _HEADER.match(line):
            table = _table(header, counts)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_names(key[1]))


def _table(header: re.Match[str], counts: dict[str, int]) -> Path:
    names = _names(header[2])
    if header[1] == "[":
        return names
    index = counts[header[2]] = counts.get(header[2], -1) + 1
    return (*names, index)


def _names(dotted_key: str) -> Path:
    found = re.findall(r""""([^"]*)"|'([^']*)'|([\w-]+)""", dotted_key)
    return tuple(double or single or plain for double, single, plain in found)
