"""The pages."""

import os
import socket

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from counter import visits

REVISION = os.environ.get("PUSHLIVE_REVISION", "")
REPLICA = os.environ.get("PUSHLIVE_REPLICA") or socket.gethostname()


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Count the visit and show the number."""
    return render(request, "counter/page.html", _facts(visits.add_one))


@require_safe
@never_cache
def count(_request: HttpRequest) -> JsonResponse:
    """The same facts for programs; counts no visit."""
    return JsonResponse(_facts(visits.so_far))


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers; Memcached may be away."""
    return HttpResponse("ok\n", content_type="text/plain")


def _facts(question) -> dict[str, object]:
    return {"count": _or_none(question), "revision": REVISION[:7], "replica": REPLICA}


def _or_none(question) -> int | None:
    try:
        return question()
    except visits.CountUnavailableError:
        return None
