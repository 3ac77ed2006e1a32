"""The notifier: who is told what, on which channel, and what became of every message."""
