"""The command `dprdm` from a checkout: `python main.py --help`."""

import sys

from dprdm.cli import main

if __name__ == "__main__":
    sys.exit(main())
