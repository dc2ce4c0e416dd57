"""TOML and JSON of other people's: read as far as it is what it should be, and empty otherwise."""

from typing import Any


def parse(text: str | None) -> dict[str, Any]:
    """The whole file; empty when it is not there or is no TOML."""
    import tomllib  # noqa: PLC0415  # only some sites have any TOML

    try:
        return tomllib.loads(text or "")
    except (ValueError, RecursionError):
        return {}


def table(data: object, *keys: str) -> dict[str, Any]:
    """The table below such keys; empty when there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def text(data: object, *keys: str) -> str:
    """The text below such keys; empty when there is none."""
    value = table(data, *keys[:-1]).get(keys[-1])
    return value if isinstance(value, str) else ""
