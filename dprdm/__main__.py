"""`python -m dprdm`: the same as the command `dprdm`."""

import sys

from dprdm.cli import main

if __name__ == "__main__":
    sys.exit(main())
