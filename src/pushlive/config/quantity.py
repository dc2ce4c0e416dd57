"""Kubernetes quantities, as far as the site file takes them (apimachinery, resource.Quantity)."""

import re

_SIZE = r"([0-9]{1,15})(Ki|Mi|Gi|k|M|G)?"
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class BadQuantityError(ValueError):
    """A text that is no quantity."""


def size(text: str) -> int:
    """Bytes: `64Mi` is 67108864. Raises BadQuantityError."""
    found = re.fullmatch(_SIZE, text)
    if not found:
        raise BadQuantityError(f'"{text}" is not a number of bytes, alone or with Ki, Mi, Gi, k, M or G')
    return int(found[1]) * _FACTORS[found[2] or ""]
