"""The contracts of the ports, each run on the fake and on the real thing."""
