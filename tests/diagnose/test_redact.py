import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from pushlive.diagnose import Context, Redactor, diagnose
from pushlive.diagnose.redact import plain
from pushlive.model.errors import RolloutError

CANARY = "c4n@ry+/ value&<>\"'é"
redact = Redactor({"STRIPE_KEY": CANARY})


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        json.dumps(CANARY)[1:-1],
        repr(CANARY)[1:-1],
        html.escape(CANARY),
        CANARY.encode().hex(),
        base64.b64encode(CANARY.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
    ],
)
def test_takes_every_spelling_out(form: str) -> None:
    assert redact(f"before {form} after") == "before [STRIPE_KEY] after"


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user:"])
def test_takes_it_out_of_base64_wherever_it_begins(user: str) -> None:
    secret = "a-long-enough-password"
    encoded = base64.b64encode(f"{user}{secret}:tail".encode()).decode()
    hidden = Redactor({"PASSWORD": secret})(f"Authorization: Basic {encoded}")
    assert "[PASSWORD]" in hidden
    left = hidden.replace("[PASSWORD]", "").rpartition(" ")[2]
    assert secret[4:-4] not in base64.b64decode(left + "=" * (-len(left) % 4)).decode("latin-1")


def test_takes_out_each_line_of_a_key_file() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----"
    shown = Redactor({"KEY": key})("the line is MIIEvQIBADANBgkqhkiG here")
    assert shown == "the line is [KEY] here"


def test_takes_the_longest_out_first() -> None:
    assert Redactor({"A": "secret", "B": "secret-and-more"})("secret-and-more") == "[B]"


def test_leaves_values_alone_that_are_too_short_to_hide() -> None:
    assert Redactor({"DEBUG": "1", "EMPTY": ""})("11 lines") == "11 lines"


def test_takes_passwords_out_of_urls_whoever_set_them() -> None:
    assert redact("postgres://shop:hunter2@db:5432/shop") == "postgres://shop:[password]@db:5432/shop"
    assert redact("redis://:hunter2@cache") == "redis://:[password]@cache"


def test_says_nothing_of_the_values_itself() -> None:
    assert "c4n" not in repr(redact)
    assert "c4n" not in repr(Context(secrets={"K": CANARY}))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("good\rbad", "good\nbad"),
        ("a\u202eb\u2066c\u200b", "abc"),
        ("a\x00b\x07c\x9bd", "abcd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b", ""),
    ],
)
def test_takes_control_characters_out(raw: str, shown: str) -> None:
    assert plain(raw) == shown


def test_no_secret_is_left_in_a_diagnosis_even_where_a_line_is_cut() -> None:
    output = (
        f'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\n    x\nValueError: {"y" * 180} {CANARY}'
    )
    error = RolloutError(f"failed with {CANARY}", evidence=[CANARY], output=output, remedy=CANARY)
    shown = repr(diagnose(error, Context(secrets={"KEY": CANARY})))
    assert "c4n@ry" not in shown
    assert "[KEY]" in shown
