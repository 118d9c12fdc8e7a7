"""The stand-ins for a node: they must behave like what they stand for."""
