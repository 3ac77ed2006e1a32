"""The front: one address for all services, by the prefix of the path. Decides nothing."""
