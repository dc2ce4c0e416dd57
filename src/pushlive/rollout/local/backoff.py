"""How long to wait before something that died is started again."""

FIRST = 0.1
LONGEST = 30.0
STABLE = 30.0


class Backoff:
    """Doubles from FIRST to LONGEST seconds, and begins anew after a life of STABLE seconds."""

    def __init__(self, *, longest: float = LONGEST) -> None:
        self._longest = longest
        self._next = FIRST

    def after(self, lived: float) -> float:
        """Seconds to wait after a life of `lived` seconds."""
        if lived >= STABLE:
            self._next = FIRST
        wait = self._next
        self._next = min(self._next * 2, self._longest)
        return wait
