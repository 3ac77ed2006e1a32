"""The scenarios of `make chaos`, a module each."""
