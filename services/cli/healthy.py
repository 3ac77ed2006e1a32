"""`python -m services.cli.healthy`: whether the process beside this one is ready, for a container.

Started every few seconds in every container, so it loads nothing of ours and little of Python's.
"""

from __future__ import annotations

import http.client
import os
import sys

_TIMEOUT_S = 4


def main() -> int:
    """0 if `/readyz` answers 200; what it says is printed and kept by the container engine."""
    port = int(os.environ.get("RECOURSE_HTTP_PORT", "8080"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read(1000).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error!r}")
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
