"""Import what is needed later while something else is waited for."""

import threading
from contextlib import suppress
from importlib import import_module


def import_ahead(*names: str) -> None:
    """Import these modules in the background; what cannot be imported fails where it is needed."""
    threading.Thread(target=_import, args=names, daemon=True).start()


def _import(*names: str) -> None:
    with suppress(ImportError):
        for name in names:
            import_module(name)
