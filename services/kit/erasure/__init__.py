"""Erasing a data subject: the ledger of two persons, and letting go of what lies beside the key.

A subject is erased when the key is destroyed; `services/kit/sealing.py` makes what was sealed
absent. What is here takes what was never under that key, in every service: what re-identifies,
what lies under the installation's own key, and what is blank now.
"""
