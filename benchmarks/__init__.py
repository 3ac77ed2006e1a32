"""What `make bench` measures: each number beside a bare baseline of the same run.

Owns the measurements and their table. Nothing here is imported by the services.
"""
