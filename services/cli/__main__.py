"""`python -m services.cli`: the same as `recourse`."""

from __future__ import annotations

from services.cli.main import main

main()
