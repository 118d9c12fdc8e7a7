"""What an LLDP daemon found at the other ends of the cables."""
