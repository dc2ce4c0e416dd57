"""The site file's reference and JSON Schema, made from the schema: `python -m pushlive.config.document docs/reference`.

What a key is for stands in the schema as the text below the key; Python drops it, so it is read from the source.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pushlive.config import schema
from pushlive.config.schema import SiteFile

REFERENCE, SCHEMA = "pushlive.toml.md", "pushlive.schema.json"
_HEAD = """\
# pushlive.toml

The site file, at the top of the repository. All of it is optional: what it leaves out is detected, or has the default
given here. A key that is not listed here is an error. `pushlive check` shows what was detected, and from where.

Editors that know TOML schemas find this one in `pushlive.schema.json` beside this page; with Taplo or Even Better TOML,
write `#:schema` and its address in the first line.

This page is made from the schema by `python -m pushlive.config.document docs/reference`.
"""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a site file."""
    made = msgspec.json.schema(SiteFile)
    texts = _texts()
    for name, definition in made["$defs"].items():
        definition["description"] = inspect.cleandoc(definition["description"])
        for key, entry in definition.get("properties", {}).items():
            definition["properties"][key] = _described(_without_null(entry), texts.get(name, {}).get(key))
    top = made["$defs"].pop("SiteFile")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pushlive.toml"}
    return {**head, "description": "A pushlive site.", **_rest(top), "$defs": made["$defs"]}


def reference() -> str:
    """The page that explains every key."""
    made = json_schema()
    sections = (_section(made, name) for name in _definitions(made))
    return "\n".join([_HEAD, *sections])


def files() -> dict[str, str]:
    """The documents by their file names."""
    return {REFERENCE: reference(), SCHEMA: json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"}


def main(folder: Path) -> None:
    """Write the documents into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


def _texts() -> dict[str, dict[str, str]]:
    """For each section, the text below each of its keys."""
    classes = [node for node in ast.parse(inspect.getsource(schema)).body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_below_keys(node)) for node in classes}


def _below_keys(section: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for key, text in zip(section.body, section.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(text, ast.Expr):
            yield key.target.id, " ".join(ast.literal_eval(text.value).split())


def _without_null(entry: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key is there or is left out."""
    kinds = [kind for kind in entry.get("anyOf", []) if kind != {"type": "null"}]
    if not kinds:
        return entry
    return {**kinds[0], **{key: value for key, value in entry.items() if key != "anyOf" and value is not None}}


def _described(entry: dict[str, Any], text: str | None) -> dict[str, Any]:
    """What the key is for as its description, what its type takes as its title."""
    takes = {"title": entry["description"]} if "description" in entry else {}
    return {**takes, **entry, "description": text} if text else entry


def _rest(top: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in top.items() if key not in {"title", "description", "required"}}


def _definitions(made: Mapping[str, Any]) -> list[str]:
    """The sections in the order of the site file, the tables inside of one behind it."""
    named: list[str] = []
    queue = [made]
    while queue:
        for entry in queue.pop(0).get("properties", {}).values():
            name = _target(entry)
            if name and name not in named:
                named.append(name)
                queue.append(made["$defs"][name])
    return sorted(named, key=list(made["$defs"]).index)


def _target(entry: Mapping[str, Any]) -> str:
    """The section that a key holds, one or many."""
    inner = entry.get("items") or entry.get("additionalProperties") or entry
    return str(inner.get("$ref", "")).rpartition("/")[2] if isinstance(inner, Mapping) else ""


def _section(made: Mapping[str, Any], name: str) -> str:
    definition = made["$defs"][name]
    text = str(definition.get("description", ""))
    heading, _, rest = text.partition("] ") if text.startswith("[") else (name, "", text)
    mark = "]" if text.startswith("[") else ""
    title, said = _title(heading + mark, rest)
    rows = [_row(key, entry) for key, entry in definition["properties"].items()]
    table = ["| key | type | default | |", "|---|---|---|---|", *rows]
    return "\n".join([f"## `{title}`", "", said, "", *table, ""])


def _title(heading: str, rest: str) -> tuple[str, str]:
    """`[run] autoscale: between …` is about the table run.autoscale."""
    key, colon, said = rest.partition(": ")
    if colon and key.isidentifier():
        return f"{heading.strip('[]')}.{key}", f"{said[:1].upper()}{said[1:]}"
    return heading, rest


def _row(key: str, entry: Mapping[str, Any]) -> str:
    default = entry.get("default")
    shown = f"`{_toml(default)}`" if default not in (None, {}, "") else ""
    said = str(entry.get("description", "")).replace("|", "\\|")
    return f"| `{key}` | {_kind(entry)} | {shown} | {said} |"


def _kind(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return " or ".join(f"`{_toml(value)}`" for value in entry["enum"])
    if "$ref" in entry:
        return "table"
    if entry.get("type") == "array":
        return f"list of {_kind(entry['items'])}"
    if "title" in entry:
        return str(entry["title"])
    kinds = {"integer": "whole number", "boolean": "`true` or `false`", "string": "text", "object": "table of text"}
    return kinds.get(str(entry.get("type")), "text") + _bounds(entry)


def _bounds(entry: Mapping[str, Any]) -> str:
    low, high = entry.get("minimum"), entry.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    return f", more than {entry['exclusiveMinimum']}" if "exclusiveMinimum" in entry else ""


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
