"""Events of the host's devices."""
