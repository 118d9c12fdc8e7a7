"""Several sources of events waited for at once."""
