"""What aligned allocation is worth: a simulation on made machines with our own slices. ``make simulation`` runs it."""
