"""What tests share: builders and probes, never fixtures."""
