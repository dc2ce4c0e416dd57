"""The list of stages, the turn of a site, what a killed delivery leaves. The only place that knows the order."""

from pushlive.pipeline.again import apply_settings, roll_back
from pushlive.pipeline.context import Context, find_site, home, open_site
from pushlive.pipeline.delivery import Order, Outcome, deliver, failure
from pushlive.pipeline.images import build_only
from pushlive.pipeline.life import delivery_dict, move, run_once, start, status, stop
from pushlive.pipeline.plan import plan
from pushlive.pipeline.pruning import KEPT_RELEASES, prune
from pushlive.pipeline.push import receive
from pushlive.pipeline.recover import recover
from pushlive.pipeline.up import redeliver, up

__all__ = [
    "KEPT_RELEASES",
    "Context",
    "Order",
    "Outcome",
    "apply_settings",
    "build_only",
    "deliver",
    "delivery_dict",
    "failure",
    "find_site",
    "home",
    "move",
    "open_site",
    "plan",
    "prune",
    "receive",
    "recover",
    "redeliver",
    "roll_back",
    "run_once",
    "start",
    "status",
    "stop",
    "up",
]
