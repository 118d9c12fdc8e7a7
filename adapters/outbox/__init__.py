"""What the DRA frontend must not forget, on disk."""
