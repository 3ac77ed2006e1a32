"""Packs before they reach a case: checked, rehearsed, explained, compared.

Stands above the services and knows their cores; none of them knows it.
"""
