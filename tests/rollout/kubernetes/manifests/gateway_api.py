"""What the Gateway API says of an HTTPRoute, taken from the definition in its own module.

    uv run --no-project --with pyyaml python tests/rollout/kubernetes/manifests/gateway_api.py

writes httproute.schema.json anew: the fields, without their descriptions and rules in CEL. It needs Go.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

MODULE = "sigs.k8s.io/gateway-api@v1.6.3"
DEFINITION = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
SCHEMA = Path(__file__).with_name("httproute.schema.json")
LEFT_OUT = {"description", "default", "format", "x-kubernetes-validations", "status"}


def schema() -> Any:
    """The JSON Schema, in which an object has no field but those that are named."""
    return json.loads(SCHEMA.read_text())


def extracted() -> Any:
    import yaml  # noqa: PLC0415 - no test needs it

    done = subprocess.run(["go", "mod", "download", "-json", MODULE], capture_output=True, check=True, cwd="/")
    definition = yaml.safe_load((Path(json.loads(done.stdout)["Dir"]) / DEFINITION).read_text())
    (version,) = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    return _slim(version["schema"]["openAPIV3Schema"])


def _slim(part: Any) -> Any:
    if isinstance(part, list):
        return [_slim(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _slim(value) for key, value in part.items() if key not in LEFT_OUT or _is_field(value, key)}
    fields = kept.get("properties")
    if isinstance(fields, dict) and "metadata" in fields:
        fields["metadata"] = {"type": "object"}
    return kept | ({"additionalProperties": False} if part.get("type") == "object" and "properties" in part else {})


def _is_field(value: Any, key: str) -> bool:
    """It is the name of a field of the API, and no word of the schema."""
    return isinstance(value, dict) and key != "status"


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(extracted(), indent=1, sort_keys=True) + "\n")
