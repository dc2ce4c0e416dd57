"""A release as Kubernetes objects: read them in golden/, one file a kind.

python -m tests.rollout.kubernetes.manifests.test_manifests     writes them anew
"""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pushlive.config.schema import Autoscale, Resources
from pushlive.model.errors import ReleaseError
from pushlive.model.release import CacheSpec
from pushlive.rollout.kubernetes.manifests import Route, Tls, Values, manifests, release_job
from pushlive.rollout.kubernetes.manifests.checks import problems as refused
from pushlive.rollout.kubernetes.manifests.settings import PROBE_KEY
from tests.rollout.kubernetes.manifests.openapi import VERSIONS, problems
from tests.rollout.kubernetes.manifests.workloads import (
    ALL,
    BARE,
    CANARY,
    ELSEWHERE,
    IMAGE,
    INGRESS,
    MANAGED,
    SCALED,
    WORKLOAD,
    workload,
)

COMMAND = ("python", "manage.py", "migrate", "--noinput")
GOLDEN = Path(__file__).with_name("golden")


def everything(of: Any = WORKLOAD) -> list[dict[str, Any]]:
    return [*manifests(of), release_job(of, COMMAND)]


def one(kind: str, of: Any = WORKLOAD, name: str | None = None) -> dict[str, Any]:
    (found,) = [each for each in everything(of) if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def pod_specs(of: Any = WORKLOAD) -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in everything(of) if "template" in each.get("spec", {})]


def goldens() -> dict[str, str]:
    made = [
        *everything(),
        one("HorizontalPodAutoscaler", SCALED),
        one("Ingress", INGRESS),
        one("ManagedCertificate", MANAGED),
    ]
    kinds: dict[str, list[Any]] = {}
    for each in made:
        kinds.setdefault(each["kind"], []).append(each)
    return {
        f"{kind}.json": "\n".join(json.dumps(each, indent=2) for each in found) + "\n" for kind, found in kinds.items()
    }


@pytest.mark.parametrize("name", sorted(goldens()))
def test_each_kind_is_what_its_golden_file_says(name):
    assert (GOLDEN / name).read_text() == goldens()[name], "python -m tests.rollout.kubernetes.manifests.test_manifests"


def test_there_is_no_golden_file_of_what_is_not_made():
    assert {path.name for path in GOLDEN.iterdir()} == set(goldens())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", ALL)
def test_kubernetes_itself_finds_nothing_wrong(which, version):
    found = {f"{each['kind']}: {said}" for each in everything(ALL[which]) for said in problems(each, version)}
    assert found == set()


def test_the_check_by_kubernetes_finds_what_is_wrong():
    broken = one("Deployment")
    broken["spec"]["template"]["spec"]["containers"][0]["imagePullpolicy"] = "Always"
    broken["spec"]["replicas"] = "two"
    assert len(problems(broken, VERSIONS[0])) == 2
    assert problems(broken | {"kind": "Deploiment"}, VERSIONS[0]) == ["apps/v1 has no Deploiment"]


def test_the_check_by_the_gateway_api_finds_what_is_wrong():
    broken = one("HTTPRoute")
    broken["spec"]["hostname"] = "counter.example.com"
    broken["spec"]["rules"][0]["backendRefs"][0]["port"] = 0
    broken["spec"]["hostnames"] = ["not a host"]
    assert len(problems(broken, VERSIONS[0])) == 3


def test_what_others_refer_to_comes_first():
    kinds = [each["kind"] for each in manifests(WORKLOAD)]
    assert (
        kinds.index("ServiceAccount")
        < kinds.index("ConfigMap")
        < kinds.index("StatefulSet")
        < kinds.index("Deployment")
    )
    assert kinds.index("NetworkPolicy") < kinds.index("StatefulSet")
    assert kinds[-1] == "HTTPRoute"


@pytest.mark.parametrize("which", ALL)
def test_every_object_is_in_the_namespace_and_says_whose_it_is(which):
    for each in everything(ALL[which]):
        labels = each["metadata"]["labels"]
        assert each["metadata"]["namespace"] == "sites"
        assert (labels["app.kubernetes.io/managed-by"], labels["app.kubernetes.io/part-of"]) == ("pushlive", "counter")
        assert all(len(value) <= 63 for value in labels.values())


@pytest.mark.parametrize("which", ALL)
def test_pods_keep_to_the_restricted_standard(which):
    """Pod Security Standards, restricted."""
    for pod in pod_specs(ALL[which]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert {next(iter(volume.keys() - {"name"})) for volume in pod.get("volumes", ())} <= {"emptyDir"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
            assert context["readOnlyRootFilesystem"] is True


def test_values_of_secrets_are_in_the_secret_alone():
    with_it = [each["kind"] for each in everything() if CANARY in json.dumps(each)]
    assert with_it == [], "the Secret has them in base64"
    assert CANARY not in repr(WORKLOAD)
    encoded = base64.b64encode(CANARY.encode()).decode()
    assert one("Secret")["data"]["SECRET_KEY"] == encoded
    assert encoded in json.dumps(one("Secret"))
    assert encoded in msgspec.json.encode(one("Secret")).decode()
    assert encoded not in f"{one('Secret')} {one('Secret')!r} {copy.deepcopy(one('Secret'))}"
    assert "SECRET_KEY" in repr(WORKLOAD.values)
    assert set(one("Secret")["data"]) == {"SECRET_KEY", "PUSHLIVE_PROBE_KEY"}


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_another_setting_is_another_object_and_the_same_is_the_same(kind):
    name = one(kind)["metadata"]["name"]
    assert one(kind, workload())["metadata"]["name"] == name
    other = (
        workload(env={"A": "b"})
        if kind == "ConfigMap"
        else workload(values=Values({**WORKLOAD.values.by_name, "A": "b"}))
    )
    assert one(kind, other)["metadata"]["name"] != name
    assert one(kind)["immutable"] is True


def test_the_image_is_named_by_its_digest():
    assert one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    assert one("Job")["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


def test_with_an_autoscaler_the_number_of_replicas_is_its_business():
    assert one("Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in one("Deployment", SCALED)["spec"]
    scaler = one("HorizontalPodAutoscaler", SCALED)["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)


def test_no_replica_goes_before_another_is_ready():
    spec = one("Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_pod_is_given_the_time_that_its_server_takes_to_end():
    pod = one("Deployment", workload(env={"PUSHLIVE_STOP_TIMEOUT": "45"}))["spec"]["template"]["spec"]
    slept = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > slept + 45


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_for_a_host_that_the_site_allows(probe):
    asked = one("Deployment")["spec"]["template"]["spec"]["containers"][0][probe]["httpGet"]
    headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
    assert headers["Host"] == "counter.example.com"
    assert headers["X-Pushlive-Probe"] == ("alive" if probe == "livenessProbe" else "ready")


@pytest.mark.parametrize(("cpu", "workers"), [("250m", 1), ("1", 1), ("2", 2), ("1500m", 2), ("3.6", 4), (None, 1)])
def test_workers_follow_the_cores(cpu, workers):
    found = one("ConfigMap", workload(resources=Resources(cpu=cpu)))["data"]
    assert found["PUSHLIVE_WORKERS"] == str(workers)


def test_what_the_user_set_stays_but_for_the_port_that_is_asked():
    found = one("ConfigMap", workload(env={"FORWARDED_ALLOW_IPS": "10.0.0.2", "PORT": "5000"}))["data"]
    assert (found["FORWARDED_ALLOW_IPS"], found["PORT"]) == ("10.0.0.2", "8000")
    assert one("ConfigMap")["data"]["FORWARDED_ALLOW_IPS"] == "*"
    container = one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]


def test_memcached_has_the_sites_settings_and_names_that_stay():
    spec = CacheSpec(memory=100 * 2**20, max_item_size=2 * 2**20, connections=2000, threads=2)
    three = workload(cache=spec, cache_replicas=3)
    stateful = one("StatefulSet", three)
    assert stateful["spec"]["template"]["spec"]["containers"][0]["args"] == [
        *("--memory-limit=100", "--max-item-size=2097152", "--conn-limit=2000", "--threads=2")
    ]
    servers = one("ConfigMap", three)["data"]["MEMCACHED_SERVERS"].split(",")
    assert servers == [f"counter-memcached-{number}.counter-memcached.sites.svc:11211" for number in range(3)]
    assert stateful["spec"]["serviceName"] == one("Service", three, "counter-memcached")["metadata"]["name"]


def test_a_rollout_leaves_memcached_as_it_is():
    later = workload(name="v13", revision="f" * 40, env={"A": "b"})
    assert one("StatefulSet", later) == one("StatefulSet")
    assert one("Deployment", later)["spec"]["selector"] == one("Deployment")["spec"]["selector"]


def test_a_memcached_elsewhere_is_told_and_none_is_started():
    kinds = {each["kind"] for each in everything(ELSEWHERE)}
    assert "StatefulSet" not in kinds
    told = one("ConfigMap", ELSEWHERE)["data"]
    assert told["CACHE"] == told["MEMCACHED_SERVERS"] == "10.0.0.3:11211,10.0.0.4:11211"


@pytest.mark.parametrize(
    ("memory", "connections", "limit"), [(64, 1024, "114Mi"), (8192, 1024, "9597Mi"), (64, 100_000, "887Mi")]
)
def test_memcached_has_room_for_its_hash_table_and_connections_too(memory, connections, limit):
    made = one("StatefulSet", workload(cache=CacheSpec(memory=memory * 2**20, connections=connections)))
    resources = made["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == limit


def test_memcached_is_found_by_name_before_it_is_ready():
    assert one("Service", name="counter-memcached")["spec"]["publishNotReadyAddresses"] is True


def test_several_memcacheds_do_not_go_at_once():
    budget = one("PodDisruptionBudget", workload(cache_replicas=2), "counter-memcached")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == one("StatefulSet")["spec"]["selector"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_pods_are_spread_over_machines_and_zones(kind):
    made = one(kind)["spec"]
    constraints = made["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(each["labelSelector"] == made["selector"] for each in constraints)


def test_a_revision_of_sha256_fits_into_a_label():
    sha256 = "0123456789abcdef" * 4
    found = [each["metadata"]["labels"].get("pushlive/revision", "") for each in everything(workload(revision=sha256))]
    assert set(found) == {"", sha256[:63]}
    assert f'"{sha256}"' in json.dumps(one("ConfigMap", workload(revision=sha256))["data"])


def test_a_machine_is_not_given_up_while_the_release_command_runs_there():
    annotations = one("Job")["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}


def test_a_machine_may_come_before_a_rollout_counts_as_stuck():
    assert one("Deployment", workload(start_timeout=90.0))["spec"]["progressDeadlineSeconds"] == 690


def test_memcached_is_reached_by_the_site_alone():
    policy = one("NetworkPolicy", name="counter-memcached")["spec"]
    assert policy["egress"] == []
    components = [
        each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in policy["ingress"][0]["from"]
    ]
    assert components == ["web", "release"]


def test_a_single_replica_may_be_moved_away_from_its_machine():
    assert "PodDisruptionBudget" not in {each["kind"] for each in everything(BARE)}


def test_a_route_of_another_namespaces_gateway():
    parents = one("HTTPRoute", workload(gateway="edge/public"))["spec"]["parentRefs"]
    assert parents == [{"name": "public", "namespace": "edge"}]


def test_a_domain_and_all_names_below_it_are_written_as_kubernetes_does():
    hosts = ("a.example.com", ".b.example.com", "b.example.com")
    written = ["a.example.com", "b.example.com", "*.b.example.com"]
    assert one("HTTPRoute", workload(hosts=hosts))["spec"]["hostnames"] == written
    ingress = one("Ingress", workload(hosts=hosts, route=Route.INGRESS, tls=Tls(issuer="x")))
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ingress["spec"]["tls"][0]["hosts"] == written


@pytest.mark.parametrize("name", ["gce", "gce-internal", "nginx", ""])
def test_gke_reads_the_class_of_an_ingress_from_its_annotation(name):
    ingress = one("Ingress", workload(route=Route.INGRESS, gateway=name))
    annotated = ingress["metadata"]["annotations"].get("kubernetes.io/ingress.class", "")
    assert annotated == (name if name.startswith("gce") else "")
    assert ingress["spec"].get("ingressClassName", "") == ("" if name.startswith("gce") else name)


@pytest.mark.parametrize(
    ("argv", "sent"),
    [
        (COMMAND, ["python", "manage.py", "migrate", "--noinput"]),
        (("/bin/sh", "-c", "echo $$ $(HOME) $X"), ["/bin/sh", "-c", "echo $$$$ $$(HOME) $$X"]),
    ],
)
def test_the_release_command_comes_to_its_process_as_it_stands(argv, sent):
    """Kubernetes reads $(NAME) and $$ in a command itself (expansion.Expand)."""
    assert release_job(WORKLOAD, argv)["spec"]["template"]["spec"]["containers"][0]["command"] == sent


REFUSED = {
    "keeps db.sqlite3, media/ in files": {"data": ("db.sqlite3", "media/")},
    "begins with a letter": {"site": "1counter"},
    "at most 40": {"site": "a" * 41},
    "cannot be a namespace": {"namespace": "Sites"},
    "by its digest": {"image": "registry.example/counter:latest"},
    "a certificate is for a host name": {"hosts": (), "route": Route.INGRESS, "tls": Tls(issuer="x")},
    "a Gateway has its own": {"tls": Tls(issuer="x")},
    "'10.0.0.1' cannot be a host": {"hosts": ("10.0.0.1",)},
    "'Counter.example.com' cannot be": {"hosts": ("Counter.example.com",)},
    r"'\*' cannot be a host": {"hosts": ("*",)},
    "a:8000' cannot be a host": {"hosts": ("a:8000",)},
    "b{64}.example' cannot be": {"hosts": ("b" * 64 + ".example",)},
    "no certificate for all names below example.com": {
        "hosts": (".example.com",),
        "route": Route.INGRESS,
        "tls": Tls(managed=True),
    },
    "at most 63 characters": {
        "hosts": (f"{'a' * 60}.example",),
        "route": Route.INGRESS,
        "tls": Tls(managed=True),
    },
    "needs SECRET_KEY, which has no value": {"values": Values({PROBE_KEY: "probe-key"})},
    "needs PUSHLIVE_PROBE_KEY, which": {"values": Values({"SECRET_KEY": CANARY})},
    "none is asked for": {"autoscale": Autoscale(), "resources": Resources()},
}


@pytest.mark.parametrize("cause", REFUSED)
def test_what_cannot_run_there_is_refused_before_anything_is_sent(cause):
    with pytest.raises(ReleaseError, match=cause) as caught:
        manifests(workload(**REFUSED[cause]))
    assert caught.value.remedy
    with pytest.raises(ReleaseError, match=cause):
        release_job(workload(**REFUSED[cause]), COMMAND)


@pytest.mark.parametrize("which", ALL)
def test_nothing_is_refused_of_what_can_run(which):
    assert list(refused(ALL[which])) == []


@pytest.mark.parametrize("text", ["", "cert-manager", "cert-manager:", "letsencrypt", "gke-managed:x"])
def test_a_certificate_of_nobody_is_no_setting(text):
    with pytest.raises(ValueError, match="none of"):
        Tls.parse(text)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in goldens().items():
        (GOLDEN / name).write_text(text)
