"""A replica as small as can be, which honours the contract of the environment, the descriptors and the gate.

What it does is said by `behaviour.json` in its working folder.
"""

import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from pathlib import Path

BEHAVIOUR = json.loads(Path("behaviour.json").read_text())
THREADS = []


def respond(connection, kind):
    with connection:
        connection.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        target = head.split()[1].decode()
        if target.startswith("/sleep/"):
            time.sleep(float(target.removeprefix("/sleep/")))
        body = json.dumps({**facts(), "via": kind, "said": BEHAVIOUR.get("say", "")}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def facts():
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "cwd": str(Path.cwd()),
        "release": os.environ["PUSHLIVE_RELEASE"],
        "replica": os.environ["PUSHLIVE_REPLICA"],
        "env": dict(os.environ),
        "path": sys.path,
        "prefix": sys.prefix,
    }


def private_listener():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.environ["PUSHLIVE_SOCKET"])
    listener.listen(64)
    return listener


def main():
    sys.stdout.write("standin begins\n")
    sys.stdout.flush()
    time.sleep(BEHAVIOUR.get("delay", 0))
    if "crash" in BEHAVIOUR:
        raise RuntimeError(BEHAVIOUR["crash"])
    if "signal" in BEHAVIOUR:
        os.kill(os.getpid(), BEHAVIOUR["signal"])
    private = private_listener()
    time.sleep(BEHAVIOUR.get("loading", 0))
    public = [socket.socket(fileno=int(text)) for text in os.environ["PUSHLIVE_PUBLIC_FDS"].split(",")]
    gate = int(os.environ["PUSHLIVE_GATE_FD"])
    woken, wake = os.pipe()
    stubborn = BEHAVIOUR.get("stubborn")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else lambda *_: os.write(wake, b"x"))
    if BEHAVIOUR.get("daemon") and os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "300"])
    if "orphan" in BEHAVIOUR:
        make_orphan(BEHAVIOUR["orphan"])
    answer(private, public, gate, woken)
    for thread in THREADS:
        thread.join()


def make_orphan(lives):
    """A grandchild whose parent ends at once."""
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            time.sleep(lives)
        os._exit(0)
    os.waitpid(child, 0)
    sys.stdout.write("orphan made\n")
    sys.stdout.flush()


def answer(private, public, gate, woken):
    private.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(private, selectors.EVENT_READ, "private")
    selector.register(gate, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    deadline = time.monotonic() + BEHAVIOUR.get("lives", 1e9)
    while time.monotonic() < deadline:
        for key, _ in selector.select(0.5):
            if key.fd == woken:
                for listener in public:
                    listener.close()
                time.sleep(BEHAVIOUR.get("lingers", 0))
                private.close()
                return
            if key.fd == gate:
                selector.unregister(gate)
                for listener in public:
                    listener.setblocking(False)
                    selector.register(listener, selectors.EVENT_READ, "public")
                continue
            try:
                connection, _ = key.fileobj.accept()
            except BlockingIOError:
                continue
            connection.setblocking(True)
            thread = threading.Thread(target=respond, args=(connection, key.data))
            thread.start()
            THREADS.append(thread)
            THREADS[:] = [one for one in THREADS if one.is_alive()]
    os._exit(7)


if __name__ == "__main__":
    main()
