"""git: a push becomes a revision, its changed paths and a clean tree. The only place that speaks git."""

from pushlive.source.handover import announce, settle, withdraw
from pushlive.source.kept import keep_commits
from pushlive.source.pushes import keep_objects, read_pushes
from pushlive.source.refs import set_ref, tip
from pushlive.source.repository import create, set_default_branch, tidy
from pushlive.source.revisions import changed_paths, revision
from pushlive.source.snapshots import Snapshot, bring, snapshot
from pushlive.source.trees import Checkout, Limits, checkout

__all__ = [
    "Checkout",
    "Limits",
    "Snapshot",
    "announce",
    "bring",
    "changed_paths",
    "checkout",
    "create",
    "keep_commits",
    "keep_objects",
    "read_pushes",
    "revision",
    "set_default_branch",
    "set_ref",
    "settle",
    "snapshot",
    "tidy",
    "tip",
    "withdraw",
]
