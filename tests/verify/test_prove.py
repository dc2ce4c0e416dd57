"""Proofs against real sockets: what passes, what waits, what fails and what the error then says."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pushlive.model.errors import VerificationError
from pushlive.system.http import Address
from pushlive.verify import prove_private, prove_public

from .conftest import OLD_REVISION, REVISION, Request, Script, expected, prover, response

Serve = Callable[..., Address]
HELLO = response(200, "<title>Shop</title><p>hello &amp; welcome")


def script(*answers: bytes, **paths: list[bytes]) -> Script:
    return Script({"/": list(answers) or [HELLO], **paths}, prover())


def private(serve: Serve, script: Script, **changes: object):
    return prove_private({"v7-1": serve(script, "1.sock")}, expected(**changes))


def refused(serve: Serve, script: Script, **changes: object) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        private(serve, script, **changes)
    return caught.value


def test_every_replica_proves_itself(serve: Serve) -> None:
    replicas = {f"v7-{n}": serve(Script({"/": [HELLO]}, prover(replica=f"v7-{n}")), f"{n}.sock") for n in (1, 2, 3)}
    seen = prove_private(replicas, expected())
    assert [probe.replica for probe in seen.probes] == ["v7-1", "v7-2", "v7-3"]
    assert {probe.revision for probe in seen.probes} == {REVISION}
    assert seen.warnings == ()


def test_one_bad_replica_of_three_fails_it(serve: Serve) -> None:
    good = {f"v7-{n}": serve(script(), f"{n}.sock") for n in (1, 2)}
    with pytest.raises(VerificationError) as caught:
        prove_private({**good, "v7-3": serve(script(response(500, "broken")), "3.sock")}, expected())
    assert caught.value.where == "replica v7-3"


def test_the_site_sees_its_own_host_and_no_compression(serve: Serve) -> None:
    site = script()
    private(serve, site)
    assert site.seen[0].headers["host"] == "shop.example"
    assert site.seen[0].headers["accept-encoding"] == "identity"


def test_international_paths_and_hosts_are_sent_as_ascii(serve: Serve) -> None:
    site = script(**{"/caf%C3%A9": [HELLO]})
    private(serve, site, path="/café", host="bücher.example")
    assert site.seen[0].headers["host"] == "xn--bcher-kva.example"


def test_waits_for_a_replica_that_starts(serve: Serve) -> None:
    assert private(serve, script(response(503, "starting"), response(503, "starting"), HELLO)).probes[0].status == 200


def test_503_without_end_is_named_when_the_time_is_over(serve: Serve) -> None:
    error = refused(serve, script(response(503, "<title>Down for repairs</title>")), timeout=0.1)
    assert error.cause == "/ answered 503"
    assert error.evidence == ("HTTP 503 Reason", "Down for repairs")


def test_a_500_is_looked_at_twice_and_no_more(serve: Serve) -> None:
    site = script(response(500, "<title>Server Error (500)</title>"))
    error = refused(serve, site, timeout=60)
    assert error.cause == "/ answered 500"
    assert len(site.seen) == 2


def test_a_500_that_passes_is_forgiven(serve: Serve) -> None:
    assert private(serve, script(response(500, "cold"), HELLO)).probes[0].status == 200


def test_a_refused_host_is_named(serve: Serve) -> None:
    error = refused(serve, script(response(400, "<h1>Bad Request (400)</h1>")))
    assert error.cause == "/ answered 400 to a request for the site's own host shop.example"
    assert error.remedy == "Add 'shop.example' to ALLOWED_HOSTS in the site's settings."


def test_the_traceback_of_a_debug_page_is_kept_for_the_diagnosis(serve: Serve) -> None:
    page = '<title>KeyError at /</title><pre class="exception_value">x</pre><textarea id="traceback_area">Trace\nback'
    error = refused(serve, script(response(500, page + "</textarea>")))
    assert error.evidence == ("HTTP 500 Reason", "KeyError at /", "x")
    assert error.output == "Trace\nback"


def test_an_api_without_a_page_is_live(serve: Serve) -> None:
    seen = private(serve, script(response(404, '{"detail": "Not found."}', kind="application/json")))
    assert (seen.probes[0].status, seen.warnings) == (404, ())


def test_the_status_that_the_site_file_wants_is_wanted(serve: Serve) -> None:
    error = refused(serve, script(response(404, "no")), status=200)
    assert error.cause == "/ answered 404, and [verify] wants 200"


def test_a_wanted_404_passes(serve: Serve) -> None:
    assert private(serve, script(response(404, "no")), status=404).probes[0].status == 404


def test_the_expected_text_is_found_as_it_reads(serve: Serve) -> None:
    assert private(serve, script(), contains="hello & welcome").probes


def test_a_page_without_the_expected_text_fails(serve: Serve) -> None:
    error = refused(serve, script(), contains="counter")
    assert error.cause == "/ answered 200 without the text 'counter'"
    assert "hello & welcome" in error.output


def test_an_answer_without_a_proof_is_not_ours(serve: Serve) -> None:
    error = refused(serve, Script({"/": [HELLO]}))
    assert error.cause == "something answers there that is not this site's release: its answer carries no proof"


def test_a_servers_own_500_without_a_proof_is_named_by_its_status(serve: Serve) -> None:
    assert refused(serve, Script({"/": [response(500, "Internal Server Error")]})).cause == "/ answered 500"


def test_redirects_within_the_site_are_followed(serve: Serve) -> None:
    site = script(response(302, Location="/login/?next=/"))
    site.answers["/login/?next=/"] = [response(200, "<title>Log in")]
    seen = private(serve, site)
    assert seen.probes[0].path == "/login/?next=/"
    assert seen.warnings == ()


def test_a_broken_login_page_fails(serve: Serve) -> None:
    site = script(response(302, Location="http://shop.example:8000/login/"))
    site.answers["/login/"] = [response(500, "no such table")]
    assert refused(serve, site).cause == "/login/ (where / leads) answered 500"


def test_a_wanted_redirect_is_not_followed(serve: Serve) -> None:
    site = script(response(302, Location="/login/"))
    assert private(serve, site, status=302).probes[0].status == 302
    assert len(site.seen) == 1


def test_looks_behind_a_redirect_to_https(serve: Serve) -> None:
    def act(request: Request) -> bytes:
        secure = request.headers.get("x-forwarded-proto") == "https"
        return HELLO if secure else response(301, Location="https://shop.example/")

    seen = private(serve, Script(prover=prover(), act=act), contains="hello")
    assert (seen.probes[0].status, seen.warnings) == (200, ())


def test_a_site_that_redirects_to_https_whatever_it_is_told_is_live_with_a_warning(serve: Serve) -> None:
    seen = private(serve, script(response(301, Location="https://shop.example/")))
    assert "SECURE_PROXY_SSL_HEADER" in seen.warnings[0]


def test_redirects_to_other_hosts_are_not_followed(serve: Serve) -> None:
    site = script(response(302, Location="http://127.0.0.1:1/admin"))
    assert private(serve, site).warnings == ("/ redirects to http://127.0.0.1:1/admin, which was not followed",)
    assert len(site.seen) == 1


def test_redirects_in_a_circle_end(serve: Serve) -> None:
    site = script(response(302, Location="/a"))
    site.answers["/a"] = [response(302, Location="/")]
    assert private(serve, site).warnings == ("/a redirects to /, which was not followed",)


def test_a_long_way_ends(serve: Serve) -> None:
    site = Script(prover=prover(), act=lambda request: response(302, Location=f"/x{request.path}"))
    assert len(private(serve, site).probes) == 1
    assert len(site.seen) == 6


def test_missing_assets_are_named_in_a_warning(serve: Serve) -> None:
    site = script(response(200, "<link rel=stylesheet href=/static/a.css><script src=/static/b.js></script>"))
    site.answers["/static/a.css"] = [response(200, "body{}", kind="text/css")]
    seen = private(serve, site)
    assert seen.warnings == ("1 of 2 assets that the page names are missing: /static/b.js",)


def test_an_asset_that_breaks_the_site_fails(serve: Serve) -> None:
    site = script(response(200, "<img src=/media/x.png>"))
    site.answers["/media/x.png"] = [response(500, "boom", kind="text/plain")]
    error = refused(serve, site)
    assert error.cause == "/media/x.png, which the page names, answered 500"
    assert error.evidence == ("HTTP 500 Reason", "boom")


def test_at_most_20_assets_are_asked_for(serve: Serve) -> None:
    site = script(response(200, "".join(f"<img src=/{n}.png>" for n in range(500))))
    private(serve, site)
    assert len(site.seen) == 21


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        prove_private({"v7-1": Address(socket=tmp_path / "none.sock")}, expected(timeout=0.05))
    assert caught.value.cause == "nothing accepts connections there"


def test_a_page_slower_than_its_limit_is_said(serve: Serve) -> None:
    def slow(_request: Request) -> bytes:
        time.sleep(0.6)
        return HELLO

    error = refused(serve, Script(prover=prover(), act=slow), timeout=0.3)
    assert error.cause == "/ was not answered within 0.3 s"
    assert "[verify] timeout" in error.remedy


def test_a_look_that_the_end_of_the_time_cuts_short_hides_nothing(serve: Serve) -> None:
    def slow_at_last(_request: Request) -> bytes:
        if len(site.seen) > 1:
            time.sleep(0.6)
        return response(503, "starting")

    site = Script(prover=prover(), act=slow_at_last)
    assert refused(serve, site, timeout=0.3).cause == "/ answered 503"


def test_what_is_not_http_is_said(serve: Serve) -> None:
    error = refused(serve, Script({"/": [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"]}))
    assert error.cause.startswith("what answers does not speak HTTP")


def test_the_public_address_proves_the_release(serve: Serve) -> None:
    seen = prove_public(serve(script()), expected())
    assert [probe.release for probe in seen.probes] == ["v7"]


def test_waits_while_the_old_release_still_answers(serve: Serve) -> None:
    site = script()
    site.prover = prover(revision=OLD_REVISION, release="v6")

    def switch(_request: Request) -> None:
        if len(site.seen) == 3:
            site.prover = prover()

    site.act = switch
    assert prove_public(serve(site), expected()).probes[0].release == "v7"


def test_the_old_release_without_end_is_named(serve: Serve) -> None:
    old = Script({"/": [HELLO]}, prover(revision=OLD_REVISION, release="v6"))
    with pytest.raises(VerificationError) as caught:
        prove_public(serve(old), expected(timeout=0.1))
    assert caught.value.cause == "release v6 (revision 0a0b0c0) answers there, not v7 (revision 1f2e3d4)"


def test_an_old_answer_in_between_starts_the_count_again(serve: Serve) -> None:
    site = script()

    def once_old(_request: Request) -> None:
        site.prover = prover(release="v6") if len(site.seen) == 3 else prover()

    site.act = once_old
    seen = prove_public(serve(site), expected(), consecutive=4)
    assert [probe.release for probe in seen.probes] == ["v7"] * 4
    assert len(site.seen) == 7


def test_an_unreachable_public_address_is_said(nobody: Address) -> None:
    with pytest.raises(VerificationError) as caught:
        prove_public(nobody, expected(timeout=0.05))
    assert caught.value.cause == "nothing accepts connections there"
    assert caught.value.where == str(nobody)


def test_the_key_is_in_no_error_and_no_text(serve: Serve) -> None:
    assert "probe key" not in repr(expected())
    assert "probe key" not in repr(vars(refused(serve, script(response(500, "x")))))
