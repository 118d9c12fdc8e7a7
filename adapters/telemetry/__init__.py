"""Finished spans on their way to a collector, when the standard OTEL_* variables name one; otherwise nowhere."""
