"""The contract of ``ports.heldfeed.HeldEvents``."""
