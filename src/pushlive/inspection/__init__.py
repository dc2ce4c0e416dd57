"""Ask a site's own code what it is and what it needs; supply what it leaves to its environment.

App, Runtime, Wishes -> inspect() -> Inspection
"""

from pushlive.inspection.asking import Runtime
from pushlive.inspection.inspect import PROVIDED, Wishes, inspect
from pushlive.inspection.placeholder import placeholder
from pushlive.inspection.values import App, Inspection

__all__ = ["PROVIDED", "App", "Inspection", "Runtime", "Wishes", "inspect", "placeholder"]
