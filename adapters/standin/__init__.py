"""Stand-ins that speak the real protocols, for showing the driver without a cluster and for testing it."""
