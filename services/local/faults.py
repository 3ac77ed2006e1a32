"""What keeps a local stack from starting."""

from __future__ import annotations


class StartFailed(RuntimeError):
    """A part of the stack could not be started; the message says which, why, and its log."""
