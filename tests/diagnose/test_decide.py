# ruff: noqa: E501, RUF001
import pytest

from pushlive.diagnose import Context, diagnose
from pushlive.model.errors import (
    BuildError,
    MachineError,
    PackagesError,
    PushliveError,
    ReleaseError,
    RolloutError,
    SettingsError,
    SourceError,
    VerificationError,
)
from pushlive.rollout.local.replicas import how_it_ended

TRACEBACK = """Traceback (most recent call last):
  File "/srv/site/releases/v7/root/app/shop/views.py", line 9, in index
    price = prices[name]
            ~~~~~~^^^^^^
KeyError: 'apple'
"""
CONTEXT = Context(roots=("/app", "/srv/site/releases/v7/root/app"), host="shop.example")


def test_an_error_that_says_all_is_passed_on_as_it_stands() -> None:
    error = SourceError("the ref is hostile", where="refs/heads/x", remedy="Rename it.", evidence=["refs/heads/x"])
    found = diagnose(error, CONTEXT)
    assert (found.code, found.cause, found.where, found.remedy) == ("source", error.cause, error.where, error.remedy)
    assert found.evidence == ("refs/heads/x",)


@pytest.mark.parametrize("kind", [PushliveError, *PushliveError.__subclasses__()])
def test_every_kind_of_error_has_a_diagnosis(kind: type[PushliveError]) -> None:
    assert diagnose(kind("something is wrong"), CONTEXT).cause == "something is wrong"


def test_an_unknown_exception_is_its_own_cause() -> None:
    found = diagnose(RolloutError("v7-1 ended with exit code 3", output=TRACEBACK), CONTEXT)
    assert found.code == "exception"
    assert found.cause == "the site's code fails: KeyError: 'apple'"
    assert found.where == "shop/views.py:9"
    assert found.evidence == ("v7-1 ended with exit code 3", "price = prices[name]", "KeyError: 'apple'")


def test_whoever_gives_a_remedy_knows_more_than_an_unknown_exception() -> None:
    error = SettingsError("the settings cannot be read", remedy="Set DJANGO_SETTINGS_MODULE.", output=TRACEBACK)
    assert diagnose(error, CONTEXT).cause == "the settings cannot be read"


def test_an_error_that_knows_its_cause_is_not_asked_for_another() -> None:
    """The settings read MODE and failed on there being none; the inspection saw that it was read."""
    output = (
        'Traceback (most recent call last):\n  File "/app/proj/settings.py", line 9, in <module>\n'
        "    MODE = Mode(os.environ.get('MODE', ''))\nValueError: '' is not a valid Mode\n"
    )
    error = ReleaseError("the settings need MODE", remedy="Set it.", output=output, code="environment-missing")
    found = diagnose(error, CONTEXT)
    assert (found.code, found.cause, found.remedy) == ("environment-missing", error.cause, "Set it.")


def test_a_500_finds_its_cause_in_the_logs() -> None:
    error = VerificationError("/ answered 500", evidence=["HTTP 500 Internal Server Error"])
    context = Context(roots=CONTEXT.roots, logs=TRACEBACK)
    found = diagnose(error, context)
    assert found.where == "shop/views.py:9"
    assert found.evidence[0] == "/ answered 500"


def test_a_page_without_its_text_is_not_blamed_on_the_logs() -> None:
    error = VerificationError("/ answered 200 without the text 'counter'", remedy="Put it there.")
    assert diagnose(error, Context(logs=TRACEBACK)).cause == error.cause


def test_another_release_that_answers_is_not_blamed_on_the_logs() -> None:
    error = VerificationError("release v6 (revision 1234567) answers there, not v7 (revision 89abcde)")
    assert diagnose(error, Context(logs=TRACEBACK)).cause == error.cause


def test_a_400_without_a_log_is_the_host() -> None:
    error = VerificationError("/ answered 400 to a request for the site's own host shop.example")
    found = diagnose(error, CONTEXT)
    assert found.code == "disallowed-host"
    assert 'ALLOWED_HOSTS = ["shop.example"]' in found.remedy


def test_a_host_that_somebody_else_asked_for_is_not_the_cause_of_a_500() -> None:
    error = VerificationError("/ answered 500")
    scanned = "Invalid HTTP_HOST header: 'scanner.example'. You may need to add it to ALLOWED_HOSTS.\n"
    assert diagnose(error, Context(roots=CONTEXT.roots, logs=scanned + TRACEBACK)).where == "shop/views.py:9"


def raised_at(line: str, *more: str) -> RolloutError:
    lines = ('  File "/app/photoshop/settings.py", line 9, in <module>', f"    {line}", *more)
    return RolloutError("v7-1 ended with exit code 3", output="\n".join(("Traceback (most recent call last):", *lines)))


@pytest.mark.parametrize("file", ["<frozen os>", "/usr/lib/python3.13/os.py"])
def test_a_key_error_out_of_os_is_a_variable(file: str) -> None:
    error = raised_at("x = read()", f'  File "{file}", line 679, in __getitem__', "KeyError: 'SHOP_KEY'")
    assert diagnose(error, CONTEXT).code == "environment-missing"


@pytest.mark.parametrize("file", ["/app/photoshop/prices.py", "/app/photos/os/prices.py"])
def test_a_key_error_out_of_a_mapping_of_the_sites_is_none(file: str) -> None:
    error = raised_at("x = prices()", f'  File "{file}", line 4, in __getitem__', "KeyError: 'apple'")
    assert diagnose(error, CONTEXT).code == "exception"


def test_a_text_that_is_evaluated_is_no_file() -> None:
    more = ('  File "<unknown>", line 1', "    [1, 2", "    ^", "SyntaxError: '[' was never closed")
    found = diagnose(raised_at('HOSTS = ast.literal_eval(os.environ["HOSTS"])', *more), CONTEXT)
    assert (found.code, found.where) == ("environment-value", "photoshop/settings.py:9")
    assert "HOSTS" in found.cause


@pytest.mark.parametrize("line", ['x = config["apple"] + 1', 'x = env["apple"] + 1'])
def test_brackets_read_a_variable_only_out_of_environ(line: str) -> None:
    assert diagnose(raised_at(line, "TypeError: can only concatenate str"), CONTEXT).code == "exception"
    read = raised_at('x = os.environ["APPLE"] + 1', "TypeError: can only concatenate str")
    assert diagnose(read, CONTEXT).code == "environment-value"


@pytest.mark.parametrize(("code", "cause"), [(-9, "memory"), (137, "memory"), (3, "exit")])
def test_the_engines_own_words_for_an_end_are_understood(code: int, cause: str) -> None:
    error = RolloutError(f"v7-1 {how_it_ended(code)}", output="the licence file is missing")
    assert diagnose(error, CONTEXT).code == cause


def test_a_slow_start_says_what_it_last_printed() -> None:
    error = RolloutError("v7-1 did not take a connection within 60 s", output="warming up\nloading the model")
    found = diagnose(error, CONTEXT)
    assert found.code == "slow-start"
    assert found.evidence[1:] == ("warming up", "loading the model")


def test_a_slow_start_with_a_traceback_is_the_traceback() -> None:
    error = RolloutError("v7-1 did not take a connection within 60 s", output=TRACEBACK)
    assert diagnose(error, CONTEXT).code == "exception"


@pytest.mark.parametrize("cause", ["v7-1 was killed by SIGKILL", "the release command ended with exit code 137"])
def test_a_killed_process_points_at_memory(cause: str) -> None:
    assert diagnose(RolloutError(cause, output="starting"), CONTEXT).code == "memory"


def test_older_versions_of_uv_wrap_their_sentences_in_boxes() -> None:
    text = "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of\n      django==99.1 and you require\n      django==99.1, we can conclude that your requirements are\n      unsatisfiable.\n"
    assert diagnose(PackagesError("uv failed", output=text), CONTEXT).cause == "there is no version ==99.1 of django"


def test_a_machine_error_keeps_its_words() -> None:
    error = MachineError("memcached is not installed, or not on the PATH", remedy="Install memcached.")
    assert diagnose(error, CONTEXT).remedy == "Install memcached."


def test_a_full_disk_is_named_before_what_it_leads_to() -> None:
    output = TRACEBACK + "OSError: [Errno 28] No space left on device"
    assert diagnose(BuildError("uv failed", output=output), CONTEXT).code == "disk-full"


def test_an_own_module_is_told_from_a_missing_requirement() -> None:
    output = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'shop.prices'"
    own = diagnose(RolloutError("x", output=output), Context(modules=frozenset({"shop"})))
    assert own.cause == "the site imports shop.prices, and the repository has no such module"


def test_a_requirement_of_another_version_is_told() -> None:
    output = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'django.utils.six'"
    assert diagnose(RolloutError("x", output=output), CONTEXT).code == "module-version"


def test_braces_in_messages_are_only_text() -> None:
    output = "Traceback (most recent call last):\ndjango.template.exceptions.TemplateDoesNotExist: {0.__class__} {x}"
    assert diagnose(RolloutError("x", output=output), CONTEXT).cause == "the template {0.__class__} {x} does not exist"


def test_evidence_is_short_and_without_control_characters() -> None:
    error = RolloutError("x", evidence=[f"\x1b[31m{number}" + "y" * 999 for number in range(50)])
    found = diagnose(error, CONTEXT)
    assert len(found.evidence) == 6
    assert all(len(line) <= 200 for line in found.evidence)
    assert "\x1b" not in repr(found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["Because a", "Traceback (most recent call last):\n", "x" * 100, "  |\n", "│─▶", "'" * 50, "(" * 80]
)
def test_hostile_output_is_read_in_a_moment(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    assert diagnose(BuildError("x", output=text), CONTEXT).cause
    assert diagnose(PackagesError("x", output=text), CONTEXT).cause
