"""Identity: who is asking, and what they may. Knows roles and routes, and nothing of cases."""
