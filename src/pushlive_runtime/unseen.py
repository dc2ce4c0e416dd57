"""Errors that nobody would see: with DEBUG off, Django mails the traceback of a failing page, and prints nothing."""

from __future__ import annotations

import logging
import sys
from typing import Any

LOGGER = "django.request"
"""What Django itself reports a failing page to."""

_printer = logging.StreamHandler(sys.stderr)
_printer.setFormatter(logging.Formatter("[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s"))


def show_unseen_errors() -> None:
    """From now on, the traceback of a page that fails is in the log, whatever the site's logging settings leave out.

    To be called once the site is loaded; does nothing for a site without Django.
    """
    signals = sys.modules.get("django.core.signals")
    if signals is not None:
        signals.got_request_exception.connect(_show)


def _show(request: Any = None, **_: Any) -> None:
    """Django calls this inside of its `except`, before it reports the exception itself."""
    logger = logging.getLogger(LOGGER)
    path = getattr(request, "path", "?")
    record = logger.makeRecord(
        LOGGER, logging.ERROR, __file__, 0, "Internal Server Error: %s", (path,), sys.exc_info(), extra={}
    )
    if not _is_printed(logger, record):
        _printer.stream = sys.stderr
        _printer.handle(record)


def _is_printed(logger: logging.Logger, record: logging.LogRecord) -> bool:
    """One of the site's own handlers will print the record."""
    if not logger.isEnabledFor(record.levelno):
        return False
    here: Any = logger
    while here is not None:
        if any(_prints(handler, record) for handler in here.handlers):
            return True
        here = here.parent if here.propagate else None
    return False


def _prints(handler: logging.Handler, record: logging.LogRecord) -> bool:
    to_us = getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
    return to_us and record.levelno >= handler.level and bool(handler.filter(record))
