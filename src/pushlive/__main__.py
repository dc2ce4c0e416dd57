"""`python -m pushlive`."""

from pushlive.cli import main

main()
