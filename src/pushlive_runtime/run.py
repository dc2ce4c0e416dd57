"""The entry point of a release: `python run.py serve`. It stands at the top of the server layer.

What it imports of its own comes from the folder it stands in, whatever the site has installed.
"""

import os
import sys

LAYER = os.path.dirname(os.path.abspath(__file__))
STANDS_IN = {os.path.realpath(LAYER), os.path.dirname(os.path.realpath(__file__))}

if __name__ == "__main__":
    sys.path[:] = [LAYER, *(entry for entry in sys.path if os.path.realpath(entry) not in STANDS_IN)]
    from pushlive_runtime.main import main

    sys.exit(main(sys.argv[1:], layer=LAYER))
