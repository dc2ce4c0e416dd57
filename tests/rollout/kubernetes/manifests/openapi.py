"""What Kubernetes itself says of its objects: the OpenAPI document of its own source, from the Go module.

    python -m tests.rollout.kubernetes.manifests.openapi

prints which versions can be had here.
"""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.rollout.kubernetes.manifests import gateway_api

VERSIONS = ("v1.37.2", "v1.36.3", "v1.35.4")
"""The three newest, each by a patch of it."""


@cache
def document(version: str) -> dict[str, Any]:
    """The definitions, in which an object has no field but those that are named. Skips where they cannot be had."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not here: it brings the OpenAPI documents of Kubernetes")
    argv = [go, "mod", "download", "-json", f"k8s.io/kubernetes@{version}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        pytest.skip(f"the source of Kubernetes {version} cannot be had here: {done.stderr.strip()[-200:]}")
    text = (Path(json.loads(done.stdout)["Dir"]) / "api/openapi-spec/swagger.json").read_text()
    definitions = json.loads(text)["definitions"]
    for each in definitions.values():
        if each.get("format") == "int-or-string":
            each["type"] = ["integer", "string"]
        if "properties" in each:
            each["additionalProperties"] = False
    return {"definitions": definitions}


def problems(made: dict[str, Any], version: str) -> list[str]:
    """What a server of that version would refuse, or leave out in silence.

    Nothing for GKE's own kinds, whose definitions are not published.
    """
    if made["kind"] == "HTTPRoute":
        return _said_by(jsonschema.Draft4Validator(gateway_api.schema()), made)
    known = document(version)
    group, _, api = made["apiVersion"].rpartition("/")
    name = next((name for name, each in known["definitions"].items() if _is(each, group, api, made["kind"])), None)
    if name is None:
        return [] if group == "networking.gke.io" else [f"{made['apiVersion']} has no {made['kind']}"]
    return _said_by(jsonschema.Draft4Validator({**known, "$ref": f"#/definitions/{name}"}), made)


def _said_by(validator: jsonschema.Draft4Validator, made: dict[str, Any]) -> list[str]:
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(made)]


def _is(definition: dict[str, Any], group: str, version: str, kind: str) -> bool:
    meant = {"group": group, "version": version, "kind": kind}
    return meant in definition.get("x-kubernetes-group-version-kind", ())
