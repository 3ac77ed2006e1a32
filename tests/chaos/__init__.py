"""Chaos: real processes behind a fault proxy, hurt by a seeded schedule, judged from outside.

`python -m tests.chaos --scenario mixed` (or `make chaos`). See docs/howto/chaos.md.
"""
