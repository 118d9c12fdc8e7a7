"""Time as this host keeps it."""
