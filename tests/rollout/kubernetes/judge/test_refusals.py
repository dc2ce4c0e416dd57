"""What the API server answers to a write: Status objects of a real server, by their code and message."""

import pytest

from pushlive.rollout.kubernetes.judge.refusals import is_passing, refusal

OBJECT = {"kind": "Deployment", "metadata": {"name": "counter"}}


def status(code, message, *causes, **more):
    details = {
        "name": "counter",
        "causes": [dict(zip(("field", "message"), each, strict=True)) for each in causes],
        **more,
    }
    return {"kind": "Status", "status": "Failure", "code": code, "message": message, "details": details}


ANSWERS = {
    "1 RBAC": (
        status(
            403,
            'deployments.apps "counter" is forbidden: User "ada" cannot patch resource "deployments" in API group ""',
        ),
        "no-right",
        'cannot patch resource "deployments"',
    ),
    "2 invalid": (
        status(
            422, 'Deployment.apps "counter" is invalid', ("spec.replicas", "Invalid value: -1: must be non-negative")
        ),
        "invalid-object",
        "spec.replicas: Invalid value: -1",
    ),
    "2 immutable": (
        status(422, 'Deployment.apps "counter" is invalid: spec.selector: Invalid value: field is immutable'),
        "immutable-field",
        "spec.selector",
    ),
    "3 conflict": (
        status(
            409,
            'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas',
            (".spec.replicas", 'conflict with "kubectl-edit" using apps/v1'),
        ),
        "owned-by-another",
        '.spec.replicas: conflict with "kubectl-edit"',
    ),
    "2 immutable, of a StatefulSet": (
        status(
            422,
            'StatefulSet.apps "c" is invalid: spec: Forbidden: updates to statefulset spec for fields other than x',
        ),
        "immutable-field",
        "updates to statefulset spec",
    ),
    "3 conflicts": (
        status(409, 'Apply failed with 2 conflicts: conflicts with "kubectl-edit" using apps/v1:\n- .spec.replicas'),
        "owned-by-another",
        "kubectl-edit",
    ),
    "4 policy denies, its own reason": (
        status(422, "\"c\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
        "admission-denied",
        "denied request",
    ),
    "4 webhook denies": (
        status(400, 'admission webhook "p.example" denied the request: no owner label'),
        "admission-denied",
        "no owner label",
    ),
    "4 policy denies": (
        status(
            403,
            "deployments \"counter\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        ),
        "admission-denied",
        "ValidatingAdmissionPolicy",
    ),
    "5 webhook down": (
        status(500, 'Internal error occurred: failed calling webhook "p.example": connect: connection refused'),
        "webhook-down",
        "failed calling webhook",
    ),
    "6 no such kind": (
        status(404, "the server could not find the requested resource"),
        "kind-unknown",
        "could not find",
    ),
    "7 namespace ending": (
        status(
            403,
            'deployments "counter" is forbidden: unable to create new content in namespace sites because it is being '
            "terminated",
        ),
        "namespace-ending",
        "terminated",
    ),
    "quota": (status(403, 'services "counter" is forbidden: exceeded quota: small'), "quota", "exceeded quota"),
    "no login": (status(401, "Unauthorized"), "no-login", "Unauthorized"),
    "no namespace": (status(404, 'namespaces "sites" not found'), "namespace-missing", "sites"),
    "another": (status(418, "short and stout"), "refused", "short and stout"),
}


@pytest.mark.parametrize("which", ANSWERS)
def test_a_refusal_is_told_with_its_cause_and_what_shows_it(which):
    answer, code, evidence = ANSWERS[which]
    found = refusal(answer, OBJECT)
    assert (found.code, found.where) == (code, "Deployment counter")
    assert any(evidence in line for line in found.evidence), found.evidence
    assert found.remedy


def test_an_answer_of_nonsense_is_told_too():
    assert refusal({}, {}).code == "refused"


@pytest.mark.parametrize(
    ("answer", "passing"),
    [
        (status(409, "the object has been modified; please apply your changes to the latest version"), True),
        (ANSWERS["3 conflict"][0], False),
        (status(429, "too many requests", retryAfterSeconds=1), True),
        (status(503, "the server is currently unable to handle the request"), True),
        (ANSWERS["1 RBAC"][0], False),
        (ANSWERS["2 invalid"][0], False),
    ],
)
def test_whether_another_try_may_do(answer, passing):
    assert is_passing(answer) is passing
