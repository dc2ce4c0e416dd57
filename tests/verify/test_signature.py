"""Both halves of the signed probe, ours and the one that runs inside the site."""

from pushlive.verify import signature
from pushlive.verify.signature import Identity
from pushlive_runtime import settings
from pushlive_runtime.probe import Prover

WHO = Identity("ab" * 20, "v7", "v7-1")
TWIN = settings.Identity(revision=WHO.revision, release=WHO.release, replica=WHO.replica)


def answered(nonce: str, *, asked_with: str = "key", runs_with: str = "key") -> dict[str, str]:
    headers = Prover(runs_with, TWIN).prove(signature.question(nonce, asked_with))
    return {name.lower(): value for name, value in headers or ()}


def test_the_wrapper_proves_who_it_is() -> None:
    nonce = signature.fresh_nonce()
    assert signature.proven(answered(nonce), nonce, "key") == WHO


def test_both_sides_make_the_same_proof() -> None:
    nonce = signature.fresh_nonce()
    assert answered(nonce)[signature.PROOF] == signature.proof(nonce, WHO, "key")


def test_a_question_under_another_key_gets_no_proof() -> None:
    assert answered(signature.fresh_nonce(), asked_with="another") == {}


def test_an_answer_to_another_question_proves_nothing() -> None:
    old = answered(signature.fresh_nonce())
    assert signature.proven(old, signature.fresh_nonce(), "key") is None


def test_a_changed_identity_proves_nothing() -> None:
    nonce = signature.fresh_nonce()
    forged = answered(nonce) | {signature.RELEASE: "v8"}
    assert signature.proven(forged, nonce, "key") is None


def test_a_proof_outside_ascii_proves_nothing() -> None:
    nonce = signature.fresh_nonce()
    assert signature.proven(answered(nonce) | {signature.PROOF: "\xff\xfe"}, nonce, "key") is None


def test_no_two_questions_are_the_same() -> None:
    assert len({signature.fresh_nonce() for _ in range(1000)}) == 1000
