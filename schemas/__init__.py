"""What the services say to each other: words, envelope, events, topics and the model of a pack.

Pure data and pure functions. This package knows no service, no database and no broker; every
service may import it, and it imports nothing of ours.
"""
