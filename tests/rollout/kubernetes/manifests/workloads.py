"""Releases as a cluster gets them."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from pushlive.config.schema import Autoscale, Resources
from pushlive.model.image import Digest, Image, ImageConfig
from pushlive.model.release import CacheSpec, Release, SuppliedSetting
from pushlive.rollout.kubernetes.manifests import Route, Tls, Values, Workload
from pushlive.rollout.kubernetes.manifests.settings import PROBE_KEY

DIGEST = Digest("sha256:" + "0123456789abcdef" * 4)
IMAGE = f"registry.example/sites/counter@{DIGEST}"
CANARY = "canary-secret-5e1f"

RELEASE = Release(
    name="v12",
    revision="0123456789abcdef0123456789abcdef01234567",
    image=Image(DIGEST, (), ImageConfig(("python",), "/app", "10001")),
    created=datetime(2026, 11, 1, tzinfo=UTC),
    replicas=2,
    server="wsgi",
    env={"PUSHLIVE_THREADS": "4", "PUSHLIVE_STOP_TIMEOUT": "30", "DJANGO_DEBUG": "0"},
    supplied=(SuppliedSetting("ALLOWED_HOSTS", "counter.example.com", "the site's own hosts"),),
    secrets=("SECRET_KEY",),
    command="python manage.py migrate --noinput",
    cache=CacheSpec(),
    host="counter.example.com",
)
WORKLOAD = Workload(
    site="counter",
    namespace="sites",
    image=IMAGE,
    release=RELEASE,
    values=Values({"SECRET_KEY": CANARY, PROBE_KEY: "probe-key"}),
    hosts=("counter.example.com",),
    resources=Resources(cpu="250m", memory="256Mi"),
)


def workload(**changes: Any) -> Workload:
    """The counter, with what is named changed; what belongs to its release, in that."""
    names = set(Release.__struct_fields__) - set(Workload.__struct_fields__)
    of_release = {name: changes.pop(name) for name in tuple(changes) if name in names}
    return replace(WORKLOAD, release=replace(RELEASE, **of_release), **changes)


SCALED = workload(autoscale=Autoscale(min=2, max=6, cpu=60))
INGRESS = workload(route=Route.INGRESS, gateway="nginx", tls=Tls.parse("cert-manager:letsencrypt"))
MANAGED = workload(route=Route.INGRESS, tls=Tls.parse("gke-managed"), hosts=("a.example.com", "b.example.com"))
ELSEWHERE = workload(
    cache=CacheSpec(servers=("10.0.0.3:11211", "10.0.0.4:11211"), variables=("MEMCACHED_SERVERS", "CACHE"))
)
BARE = workload(cache=None, command="", hosts=(), resources=Resources(), replicas=1)
ALL = {
    "scaled": SCALED,
    "ingress": INGRESS,
    "managed": MANAGED,
    "elsewhere": ELSEWHERE,
    "bare": BARE,
    "plain": WORKLOAD,
}
