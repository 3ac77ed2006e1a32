"""`python -m tests.simulation`: a module of its own, since its processes cannot find this one."""

from __future__ import annotations

import sys

from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
