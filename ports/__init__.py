"""The language that both sides of knd speak: values and Protocols, no I/O, no third-party library."""
