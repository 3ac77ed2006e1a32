"""What the notifier decides: pure functions of a case's story, one event and the time."""
