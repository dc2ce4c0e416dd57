"""Tracebacks in what a site's commands print, folded: the diagnosis has their place, `pushlive logs --failed` all."""

_START = "Traceback (most recent call last):"
_BETWEEN = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


class Folding:
    """Takes lines as they come and gives those that are to be shown: of a traceback its exception alone."""

    def __init__(self) -> None:
        self._inside = False
        self._after = False

    def shown(self, line: str) -> list[str]:
        """What to show for the next line: it, a part of it, or nothing."""
        before, found, _ = line.partition(_START)
        if found:
            self._inside = True
            return [before] if before.strip() else []
        if self._inside and (not line.strip() or line[:1].isspace()):
            return []
        if self._after and (not line.strip() or line in _BETWEEN):
            return []
        self._inside, self._after = False, self._inside
        return [line]
