"""Ask until a release has proved itself, or until it is certain that it can't."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from pushlive.model.errors import VerificationError
from pushlive.model.verification import Verification
from pushlive.system.http import Address
from pushlive.verify import assets, judge
from pushlive.verify.expected import Expected
from pushlive.verify.judge import Trouble
from pushlive.verify.visit import Visit, visit

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.25
SECOND_SIGHT = 0.3
"""Seconds before trouble that lasts is looked at again, and believed."""


class Spot(Struct, frozen=True):
    """An address that is asked, and how it is called in an error."""

    address: Address
    name: str = ""

    def __str__(self) -> str:
        return f"replica {self.name}" if self.name else str(self.address)


def prove_private(replicas: Mapping[str, Address], expected: Expected) -> Verification:
    """Every replica (name -> its private address) shows the expected page with its proof; then the page's assets.

    Raises VerificationError with the first replica's trouble.
    """
    until = time.monotonic() + expected.timeout
    spots = [Spot(address, name) for name, address in replicas.items()]
    visits = _together(spots, lambda spot: _await(spot, expected, until))
    first = visits[0]
    probes = tuple(seen.probe(spot.address) for seen, spot in zip(visits, spots, strict=True))
    return Verification(probes, judge.warnings(first) + assets.check(spots[0].address, first, expected, until))


def prove_public(address: Address, expected: Expected, *, consecutive: int = 1) -> Verification:
    """The public address shows the expected release over `consecutive` fresh connections, one after the other.

    One is proof that it is live; more, asked for once the old release takes no connections, that nothing else answers.
    An answer of another release in between starts the count again. Raises VerificationError.
    """
    until = time.monotonic() + expected.timeout
    spot = Spot(address)
    seen: list[Visit] = [_await(spot, expected, until)]
    while len(seen) < consecutive:
        sight = _look(spot, expected, until)
        if isinstance(sight, Visit):
            seen.append(sight)
        else:
            seen = [_await(spot, expected, until, sight)]
    return Verification(tuple(one.probe(address) for one in seen), judge.warnings(seen[-1]))


def _await(spot: Spot, expected: Expected, until: float, before: Trouble | None = None) -> Visit:
    for pause in _pauses():
        sight = _look(spot, expected, until, before)
        if isinstance(sight, Visit):
            return sight
        believed = sight.lasts and before is not None and sight.cause == before.cause
        nap = SECOND_SIGHT if sight.lasts else pause
        if believed or time.monotonic() + nap >= until:
            raise sight.error(str(spot))
        before = sight
        time.sleep(nap)
    raise AssertionError("the pauses never end")


def _look(spot: Spot, expected: Expected, until: float, before: Trouble | None = None) -> Visit | Trouble:
    """A look that the end of the time cut short shows nothing: what was seen `before` is the trouble then."""
    try:
        seen = visit(spot.address, expected, until)
    except TimeoutError as error:
        return before or judge.silence(error, expected)
    except OSError as error:
        return judge.silence(error, expected)
    return judge.trouble(seen, expected) or seen


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.6, LONGEST_PAUSE)


def _together(spots: Sequence[Spot], task: Callable[[Spot], Visit]) -> list[Visit]:
    """Do the task for all spots at once. Raises the VerificationError of the first spot, in their order, that has one.

    Anything else that a task raises is a defect: `threading` prints it, and its spot counts as not proved.
    """
    results: dict[Spot, Visit | VerificationError] = {}

    def run(spot: Spot) -> None:
        try:
            results[spot] = task(spot)
        except VerificationError as error:
            results[spot] = error

    threads = [threading.Thread(target=run, args=(spot,), daemon=True) for spot in spots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [_visit_or_raise(spot, results) for spot in spots]


def _visit_or_raise(spot: Spot, results: Mapping[Spot, Visit | VerificationError]) -> Visit:
    result = results.get(spot, VerificationError("the probe broke off", where=str(spot)))
    if isinstance(result, VerificationError):
        raise result
    return result
