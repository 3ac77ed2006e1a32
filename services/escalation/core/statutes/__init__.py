"""Statutory clocks: what a regime (data) makes of one complaint.

`derive(regime, story, time)` answers for each clock its strict and rolled date, whether it applies
and why. Pure: nothing is stored, every answer follows from the regime and the story alone.
"""

from services.escalation.core.statutes.derivation import derive
from services.escalation.core.statutes.finding import Finding, Status
from services.escalation.core.statutes.story import Act, Story

__all__ = ["Act", "Finding", "Status", "Story", "derive"]
