"""Pages that answer with an error."""

import re

from pushlive.diagnose.rule import Decide, Exceptional
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_HOST = re.compile(r"Invalid HTTP_HOST header: '(?P<host>[^']+)'")


def disallowed_host(symptoms: Symptoms) -> Diagnosis | None:
    """Django refuses the site's own host name. That of others, whom scanners ask for, it refuses rightly."""
    if not re.search(r"answered 400\b", symptoms.error.cause):
        return None
    found = _HOST.search(symptoms.flat)
    host = found["host"] if found else symptoms.context.host
    evidence = (found[0],) if found else ("HTTP 400 Bad Request",)
    return symptoms.found(
        "disallowed-host",
        f"the site refuses requests for its own host {host}: it is not in ALLOWED_HOSTS",
        remedy=f'Add it to the settings: ALLOWED_HOSTS = ["{host}"] (or set the variable that they take it from with '
        "`pushlive env set`).",
        evidence=evidence,
        where="",
    )


RULES: tuple[Decide, ...] = (
    disallowed_host,
    Exceptional(
        "template-missing",
        ("TemplateDoesNotExist",),
        r"(?P<name>[^\n]+)",
        "the template {name} does not exist",
        "Commit it below a `templates` folder of an installed app, or correct the name.",
    ),
    Exceptional(
        "template-syntax",
        ("TemplateSyntaxError",),
        r"(?P<words>[^\n]+)",
        "a template cannot be read: {words}",
        "Correct the template; a tag library it loads must be an installed app.",
    ),
    Exceptional(
        "url-name",
        ("NoReverseMatch",),
        r"(?:Reverse for '(?P<name>[^']+)'|'(?P<space>[^']+)' is not a registered namespace)",
        "no URL is named {name}{space}",
        "Correct the name where it is used, or name the URL so in urls.py.",
    ),
    Exceptional(
        "async-unsafe",
        ("SynchronousOnlyOperation",),
        r"",
        "asynchronous code calls the database (or something else that blocks) directly",
        "Use the asynchronous form (`acount`, `aget`, `async for`), or wrap the call in asgiref.sync.sync_to_async.",
    ),
    Exceptional(
        "no-response",
        ("ValueError",),
        r"The view (?P<view>[\w.]+) didn't return an HttpResponse object\. It returned (?P<what>[^\n]+?) instead",
        "the view {view} returns {what} where Django wants a response",
        "Return a response in every branch of the view.",
    ),
)
