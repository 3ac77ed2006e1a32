"""`recourse demo`: real complaints through a running stack, on a simulated clock, checked after.

A client of `recourse up` like any other: it speaks HTTP, Kafka and the `/local` helpers only.
"""
