"""Plumbing with no domain word: clock, database, log, relay, consumer, timers, sealing, HTTP.

To the kit a case is an "entity" and an event a value that somebody else can read: codecs and
decisions are passed in. Nothing here imports `schemas` or a service.
"""
