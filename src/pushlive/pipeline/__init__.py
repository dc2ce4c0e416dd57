"""The list of stages, the turn of a site, what a killed delivery leaves. The only place that knows the order.

The names are looked up when they are asked for: a push loads no more than it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pushlive.pipeline.again import apply_settings, roll_back
    from pushlive.pipeline.bases import lock_base
    from pushlive.pipeline.containers import run_in_container
    from pushlive.pipeline.context import Context, find_site, home, open_site
    from pushlive.pipeline.delivery import Order, Outcome, deliver
    from pushlive.pipeline.diagnosing import failure
    from pushlive.pipeline.differing import difference
    from pushlive.pipeline.images import build_only
    from pushlive.pipeline.inside import file, listing, sizes
    from pushlive.pipeline.life import delivery_dict, move, run_once, start, status, stop
    from pushlive.pipeline.planning import plan
    from pushlive.pipeline.pruning import prune
    from pushlive.pipeline.publish import publish
    from pushlive.pipeline.push import receive
    from pushlive.pipeline.recovery import recover
    from pushlive.pipeline.retention import KEPT_RELEASES
    from pushlive.pipeline.setup import redeliver, up
    from pushlive.pipeline.target import Published, Target

__all__ = [
    "KEPT_RELEASES",
    "Context",
    "Order",
    "Outcome",
    "Published",
    "Target",
    "apply_settings",
    "build_only",
    "deliver",
    "delivery_dict",
    "difference",
    "failure",
    "file",
    "find_site",
    "home",
    "listing",
    "lock_base",
    "move",
    "open_site",
    "plan",
    "prune",
    "publish",
    "receive",
    "recover",
    "redeliver",
    "roll_back",
    "run_in_container",
    "run_once",
    "sizes",
    "start",
    "status",
    "stop",
    "up",
]

_PLACES = {
    "lock_base": "bases",
    "apply_settings": "again",
    "roll_back": "again",
    "Context": "context",
    "find_site": "context",
    "home": "context",
    "open_site": "context",
    "Order": "delivery",
    "Outcome": "delivery",
    "deliver": "delivery",
    "failure": "diagnosing",
    "difference": "differing",
    "build_only": "images",
    "publish": "publish",
    "file": "inside",
    "listing": "inside",
    "sizes": "inside",
    "run_in_container": "containers",
    "delivery_dict": "life",
    "move": "life",
    "run_once": "life",
    "start": "life",
    "status": "life",
    "stop": "life",
    "plan": "planning",
    "KEPT_RELEASES": "retention",
    "prune": "pruning",
    "Published": "target",
    "Target": "target",
    "receive": "push",
    "recover": "recovery",
    "redeliver": "setup",
    "up": "setup",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
