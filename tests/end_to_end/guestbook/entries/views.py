import os

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from entries.models import Entry


def page(request: HttpRequest) -> HttpResponse:
    """Each visit leaves an entry."""
    Entry.objects.create(text="I was here")
    return render(request, "entries/page.html", {"count": Entry.objects.count()})


def count(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"count": Entry.objects.count(), "revision": os.environ.get("PUSHLIVE_REVISION", "")[:7]})
