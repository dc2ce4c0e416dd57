"""Unix sockets that their owner alone may connect to."""

import os
import socket
from pathlib import Path


def bind(path: Path) -> socket.socket:
    """Bind `path`, in place of one that a dead process left; who connects is refused until somebody listens."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    return listener
