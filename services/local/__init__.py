"""The embedded stack: PostgreSQL, a Kafka-protocol broker, a mail sink, the services and the front.

For one machine, on loopback only. Never part of a real installation.
"""
