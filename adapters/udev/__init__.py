"""Events of the host's devices and network."""
