"""Capabilities of this process (capabilities(7)), given up for good where they are not needed."""
