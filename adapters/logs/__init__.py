"""Structured logs: one JSON object a line for machines, short text for people at a terminal."""
