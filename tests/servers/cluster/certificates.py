"""The certificates and kubeconfigs of a node, made by openssl: one authority, one name and group for each program."""

import base64
import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ADMIN = "admin"
_REQUEST = "[req]\ndistinguished_name=name\nprompt=no\n[name]\n"
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365")
SUBJECTS = {
    "apiserver": "/CN=kube-apiserver",
    "apiserver-kubelet": "/O=system:masters/CN=kube-apiserver-kubelet-client",
    "front-proxy": "/CN=front-proxy-client",
    ADMIN: "/O=system:masters/CN=kubernetes-admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    "kubelet": "/O=system:nodes/CN=system:node:node",
}
"""Who each program is to the API server."""


def write(folder: Path, server: str, names: Iterable[str]) -> None:
    """Make all keys, certificates and kubeconfigs in `folder`; what serves answers to `names`."""
    folder.mkdir(mode=0o700)
    config = folder / "openssl.cnf"
    config.write_text(_REQUEST)
    _made(folder, "ca", "/CN=the tests' authority", "-addext", "basicConstraints=critical,CA:TRUE")
    _made(folder, "service-accounts", "/CN=service-accounts")
    alternative = f"subjectAltName={','.join(names)}"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: _signed(folder, *item, alternative), SUBJECTS.items()))
    for name in SUBJECTS:
        (folder / f"{name}.kubeconfig").write_text(json.dumps(_kubeconfig(folder, name, server)))


def _signed(folder: Path, name: str, subject: str, alternative: str) -> None:
    _made(
        *(folder, name, subject, "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"),
        *("-addext", alternative, "-addext", "extendedKeyUsage=serverAuth,clientAuth"),
    )


def _made(folder: Path, name: str, subject: str, *further: str) -> None:
    argv = ["openssl", "req", "-x509", "-config", f"{folder}/openssl.cnf", *_EC, "-subj", subject, *further]
    done = subprocess.run(
        [*argv, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"openssl could not make {name}: {done.stderr}"


def _kubeconfig(folder: Path, name: str, server: str) -> dict[str, object]:
    data = {part: base64.b64encode((folder / part).read_bytes()).decode() for part in _parts(name)}
    cluster = {"server": server, "certificate-authority-data": data["ca.crt"]}
    user = {"client-certificate-data": data[f"{name}.crt"], "client-key-data": data[f"{name}.key"]}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
        "current-context": "tests",
    }


def _parts(name: str) -> tuple[str, ...]:
    return ("ca.crt", f"{name}.crt", f"{name}.key")
