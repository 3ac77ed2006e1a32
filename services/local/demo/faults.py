"""What can go wrong with the demo itself, beside the differences that it finds."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo cannot be played to its end; the message says why."""
