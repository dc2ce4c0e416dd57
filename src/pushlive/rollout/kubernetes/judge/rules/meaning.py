"""What a message of the cluster means, by the words in it."""

import re
from collections.abc import Iterable

from msgspec import Struct

from pushlive.rollout.kubernetes.judge.symptom import Patience

ANY = re.compile("")
"""The words of a table's last row, which has what no other row knows."""


class Meaning(Struct, frozen=True):
    """A row of such a table: a message with `words` in it has this cause and this remedy."""

    code: str
    words: re.Pattern[str]
    cause: str
    remedy: str
    patience: Patience = Patience.DEADLINE


def meaning(message: str, table: Iterable[Meaning]) -> Meaning:
    """The first row whose words are in the message; the table's last row has ANY."""
    return next(each for each in table if each.words.search(message))
