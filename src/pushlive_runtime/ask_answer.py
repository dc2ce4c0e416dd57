"""The private channel on which `ask` answers: records that the site's own output cannot be taken for.

A record is one line: the request's nonce, a space, and JSON. Each is written as soon as it is known, so that a
process that is killed, or ends itself, has said how far it came.
"""

import json
import os
from typing import Any, Dict


class Answer:
    """Writes records. A copy of this process that the site forks writes nothing."""

    def __init__(self, descriptor: int, nonce: str) -> None:
        self._descriptor = descriptor
        self._nonce = nonce
        self._owner = os.getpid()

    @classmethod
    def open(cls, nonce: str) -> "Answer":
        """Answer on PUSHLIVE_ANSWER_FD, under a number the site does not know; without one, on standard output."""
        text = os.environ.pop("PUSHLIVE_ANSWER_FD", "")
        given = int(text) if text else 1
        descriptor = os.dup(given)
        os.set_inheritable(descriptor, False)
        if text:
            os.close(given)
        return cls(descriptor, nonce)

    @property
    def is_ours(self) -> bool:
        """Whether it is the process that was asked, not one the site forked from it."""
        return os.getpid() == self._owner

    def record(self, kind: str, **content: Any) -> None:
        """Write one record."""
        if not self.is_ours:
            return
        line: Dict[str, Any] = {"record": kind, **content}
        data = f"\n{self._nonce} {json.dumps(line, default=str)}\n".encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]
