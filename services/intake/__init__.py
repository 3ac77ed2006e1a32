"""Intake: owns the case and the conversation around it, from the first contact to closure."""
