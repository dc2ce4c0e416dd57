"""Stage: an error and what was printed -> one cause, where it is, what shows it, what to do. Pure."""

from pushlive.diagnose.context import Context
from pushlive.diagnose.decide import diagnose
from pushlive.diagnose.redact import Redactor

__all__ = ["Context", "Redactor", "diagnose"]
