"""A service of the stack, made to reach everything through the fault proxies; then it is itself.

Owns the change of addresses in the environment. The process id stays the same.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping

from tests.chaos.proxy import LOOPBACK


def through_proxies(environment: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """The environment with the proxies' ports in place of the real ones."""
    changed = dict(environment)
    for name in ("RECOURSE_DATABASE_DSN", "RECOURSE_KEYS_DSN"):
        changed[name] = re.sub(r":\d+/", f":{ports['postgres']}/", changed[name])
    changed["RECOURSE_KAFKA_BOOTSTRAP"] = f"{LOOPBACK}:{ports['kafka']}"
    changed["RECOURSE_SMTP_PORT"] = str(ports["smtp"])
    return changed


def main() -> None:
    """`python -m tests.chaos.service intake '{"postgres": 1, "kafka": 2, "smtp": 3}'`."""
    service, ports = sys.argv[1], json.loads(sys.argv[2])
    command = [sys.executable, "-m", "services.cli", "run", service]
    os.execve(sys.executable, command, through_proxies(os.environ, ports))


if __name__ == "__main__":
    main()
