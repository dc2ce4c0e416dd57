# ruff: noqa: INP001 - a folder on the path, no package
"""Where PYTHONPATH alone names the packages' folder, as in a container: has its .pth files processed all the same.

Python imports this at every start (see the module `site`), and after it the sitecustomize that would have been found.
"""

from __future__ import annotations

import importlib
import os
import site
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PACKAGES = os.path.realpath(os.path.join(HERE, "..", "..", "..", "packages"))

sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != HERE]
if PACKAGES in map(os.path.realpath, sys.path):
    site.addsitedir(PACKAGES)
ours = sys.modules.pop(__name__)
try:
    importlib.import_module(__name__)
except ModuleNotFoundError as error:
    if error.name != __name__:
        raise
finally:
    sys.modules.setdefault(__name__, ours)
