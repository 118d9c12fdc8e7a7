"""The Container Device Interface: spec files that the container runtime reads."""
