"""What an error shows, read once for all rules. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pushlive.diagnose import tracebacks
from pushlive.diagnose.context import Context
from pushlive.diagnose.redact import plain
from pushlive.diagnose.tracebacks import Chain, Frame, Raised
from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import PushliveError

MAX_TEXT = 400_000
"""So many characters are read, from the end."""

_NOT_THE_SITES = re.compile(r"(^|/)(site-packages|dist-packages|node_modules|\.venv|venv)/")
_STARTERS = re.compile(r"(^|/)(manage|wsgi|asgi)\.py$")
_BOXES = re.compile("[\\s\u2500-\u257f\u25b6\u00d7]+")


@dataclass(frozen=True)
class Symptoms:
    """An error, what was printed before it, and what is known of the site."""

    error: PushliveError
    context: Context
    text: str

    @classmethod
    def of(cls, error: PushliveError, context: Context, *, logs: bool) -> "Symptoms":
        """Read an error with its own output, its evidence, and (`logs`) what the site's processes printed."""
        parts = (context.logs if logs else "", "\n".join(error.evidence), error.output)
        return cls(error, context, plain("\n".join(part for part in parts if part)[-MAX_TEXT:]))

    @cached_property
    def chain(self) -> Chain:
        """The last thing that went wrong in Python, the exception that was not caught at the end."""
        return tracebacks.last(self.text)

    @cached_property
    def flat(self) -> str:
        """The text as one line, without the lines and boxes that uv draws: its sentences are wrapped."""
        return _BOXES.sub(" ", self.text)

    def raised(self, *names: str) -> Iterator[Raised]:
        """The exceptions of these types in the chain (of any type without names), the last one first."""
        for raised in reversed(self.chain):
            if not names or raised.name in names:
                yield raised

    @cached_property
    def place(self) -> Frame | None:
        """The line of the site's own where it went wrong."""
        own = (frame for frame in tracebacks.places(self.chain) if self.inside(frame.file))
        return next((frame for frame in own if not self._only_starts(frame)), None)

    @property
    def where(self) -> str:
        """The same as `proj/settings.py:14`; nothing when no line of the site's own took part."""
        return f"{self.inside(self.place.file)}:{self.place.line}" if self.place else ""

    def _only_starts(self, frame: Frame) -> bool:
        """manage.py and wsgi.py take part in everything, and are to blame only for what they do themselves."""
        innermost = {raised.frames[-1] for raised in self.chain if raised.frames}
        return bool(_STARTERS.search(frame.file)) and frame not in innermost

    def inside(self, file: str) -> str:
        """A path as seen from the top of the site's tree; nothing when it is elsewhere."""
        for root in self.context.roots:
            rest = file.removeprefix(root.rstrip("/") + "/")
            if rest != file and not _NOT_THE_SITES.search(rest):
                return rest
        return ""

    def line(self, pattern: str) -> str:
        """The first line of the text that matches; nothing when none does."""
        return next((line.strip() for line in self.text.splitlines() if re.search(pattern, line)), "")

    def found(
        self, code: str, cause: str, *, remedy: str, evidence: tuple[str, ...] = (), where: str | None = None
    ) -> Diagnosis:
        """A diagnosis; where and evidence are those of the exception when they are not given."""
        return Diagnosis(code, cause, self.where if where is None else where, evidence or self.evidence, remedy)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The site's own line, and the exception's."""
        if not self.chain:
            return ()
        code = self.place.code if self.place else ""
        return tuple(line for line in (code, self.chain[-1].text) if line)
