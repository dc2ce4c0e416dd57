"""What the API server answers to our own writes (Status objects: kubernetes.io, API concepts), as a diagnosis. Pure."""

import re
from collections.abc import Iterator

from msgspec import Struct

from pushlive.model.delivery import Diagnosis
from pushlive.rollout.kubernetes.judge.snapshot import Plain, at, items, name


class _Answer(Struct, frozen=True):
    """`status` and `words` are what the answer has; the first that fits is meant."""

    code: str
    status: int
    words: re.Pattern[str]
    cause: str
    remedy: str


def _answer(code: str, status: int, words: str, cause: str, remedy: str) -> _Answer:
    return _Answer(code, status, re.compile(words), cause, remedy)


_ANSWERS = (
    _answer(
        "namespace-ending",
        403,
        "is being terminated",
        "the namespace is being removed",
        "Wait until it is gone, or take another one: [target] namespace.",
    ),
    _answer(
        "quota",
        403,
        "exceeded quota",
        "the namespace's quota has no room for it",
        "Ask for less, or raise the ResourceQuota.",
    ),
    _answer(
        "admission-denied",
        403,
        "denied the request|ValidatingAdmissionPolicy",
        "a policy of the cluster refuses it",
        "The message names the policy and its reason: talk to whoever runs it.",
    ),
    _answer(
        "no-right",
        403,
        "cannot (\\w+) resource",
        "whoever delivers lacks a right",
        "Give it by a Role in the namespace: the message names the verb and the resource.",
    ),
    _answer(
        "no-login",
        401,
        "",
        "the cluster does not know whoever delivers",
        "Sign in again: `kubectl get pods` in that context shows whether it holds.",
    ),
    _answer(
        "owned-by-another",
        409,
        "conflicts? with",
        "somebody else has set fields that the site file says",
        "Take them out there, or let that manager have them: the fields are named.",
    ),
    _answer(
        "admission-denied",
        400,
        "denied the request",
        "a policy of the cluster refuses it",
        "The message names the policy and its reason: talk to whoever runs it.",
    ),
    _answer(
        "admission-denied",
        422,
        "ValidatingAdmissionPolicy|denied the request",
        "a policy of the cluster refuses it",
        "The message names the policy and its reason: talk to whoever runs it.",
    ),
    _answer(
        "immutable-field",
        422,
        "field is immutable|updates to statefulset spec",
        "a field is changed that cannot be",
        "The object has to be made anew: delete it, and deliver again.",
    ),
    _answer(
        "invalid-object",
        422,
        "",
        "the API server finds a field that is not valid",
        "Compare the field with the site file. If that does not have it, it is a defect of pushlive: report it.",
    ),
    _answer(
        "webhook-down",
        500,
        "failed calling webhook",
        "an admission webhook of the cluster does not answer",
        "It is tried again by itself. If it stays so, look at the webhook's own pods.",
    ),
    _answer(
        "namespace-missing",
        404,
        'namespaces "[^"]*" not found',
        "the namespace is not there",
        "Make it: `kubectl create namespace NAME`.",
    ),
    _answer(
        "kind-unknown",
        404,
        "could not find the requested resource|no matches for kind|page not found",
        "the cluster does not know this kind of object",
        "Install what brings it (the Gateway API for HTTPRoute), or choose another: [target] route.",
    ),
)

_CONFLICT, _BUSY = 409, {429, 500, 502, 503, 504}


def refusal(answer: Plain, obj: Plain) -> Diagnosis:
    """Why the API server did not take `obj`; `answer` is its Status object."""
    code, message = int(answer.get("code") or 0), str(answer.get("message") or "")
    where = f"{obj.get('kind')} {name(obj)}"
    known = next((each for each in _ANSWERS if each.status == code and each.words.search(message)), None)
    if known is None:
        cause = f"the API server answers {code} to {where}"
        return Diagnosis("refused", cause, where, (message,), "The message says why.")
    return Diagnosis(known.code, known.cause, where, tuple(_evidence(answer, message)), known.remedy)


def is_passing(answer: Plain) -> bool:
    """Another try may do: the server is busy, or somebody wrote at the same moment (a conflict without managers)."""
    code = int(answer.get("code") or 0)
    at_once = code == _CONFLICT and not items(answer, "details", "causes")
    return at_once or code in _BUSY or bool(at(answer, "details", "retryAfterSeconds"))


def _evidence(answer: Plain, message: str) -> Iterator[str]:
    """The fields and what is wrong with each, where they are told apart; the message else."""
    causes = [each for each in items(answer, "details", "causes") if each.get("field")]
    yield from (f"{each['field']}: {each.get('message')}" for each in causes)
    if not causes and message:
        yield message
