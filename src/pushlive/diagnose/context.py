"""What a diagnosis may know besides the error itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The site the error came from.

    `roots` are the folders its tree has lain in (in the image, in the release, while it was built); `modules` the
    top-level packages in the tree; `logs` the last lines that its processes printed; `secrets` name -> value, so that
    no value is ever shown; `requirements` the file that a remedy names; `host` what the site was asked for.
    """

    roots: tuple[str, ...] = ("/app",)
    modules: frozenset[str] = frozenset()
    logs: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    requirements: str = "requirements.txt"
    host: str = "localhost"
    python: str = ""
