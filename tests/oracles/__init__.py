"""Checks the product against facts that nobody of this project wrote.

`python -m tests.oracles FILE.json` runs any file of published vectors.
"""
