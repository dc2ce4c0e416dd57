"""Small sites, as text: WSGI, ASGI with websockets, and Django."""

WSGI = """
import os, time

def application(environ, start_response):
    time.sleep(0.002)
    body = os.environ["PUSHLIVE_REPLICA"].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""

ASGI = """
import asyncio, os

async def application(scope, receive, send):
    if scope["type"] == "http":
        await asyncio.sleep(1 if scope["path"] == "/slow" else 0.002)
        body = os.environ["PUSHLIVE_REPLICA"].encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                print("disconnected", message["code"], flush=True)
                return
            await send({"type": "websocket.send", "text": os.environ["PUSHLIVE_REPLICA"] + " " + message["text"]})
    elif scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            print(message["type"], flush=True)
            if message["type"] == "lifespan.shutdown":
                return
"""

SITES = {"wsgi": WSGI, "asgi": ASGI}

DJANGO_SETTINGS = """
SECRET_KEY = "test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "proj.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LOGGING = {"version": 1, "disable_existing_loggers": True}
USE_TZ = True
"""

DJANGO_URLS = """
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

def page(request):
    return HttpResponse("page of django", headers={"X-Pushlive-Revision": "forged"})

def stream(request):
    return StreamingHttpResponse(b"part" for _ in range(3))

def error(request):
    raise ValueError("no database")

def refused(request):
    return HttpResponse(status=400)

urlpatterns = [path("", page), path("stream", stream), path("error", error), path("refused", refused)]
"""

DJANGO_ENTRY = """
import os
from django.core.{kind} import get_{kind}_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
application = get_{kind}_application()
"""


def django(root):
    """Write a Django project called proj."""
    proj = root / "proj"
    proj.mkdir()
    (proj / "__init__.py").touch()
    (proj / "settings.py").write_text(DJANGO_SETTINGS)
    (proj / "urls.py").write_text(DJANGO_URLS)
    for kind in ("wsgi", "asgi"):
        (proj / f"{kind}.py").write_text(DJANGO_ENTRY.format(kind=kind))
