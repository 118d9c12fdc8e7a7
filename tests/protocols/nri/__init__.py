"""NRI: bytes, calls, traps, recorded streams."""
