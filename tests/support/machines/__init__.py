"""Machines of several types, as the trees of sysfs that they would have."""
