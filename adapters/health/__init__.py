"""How a process shows whether it works: health, readiness and metrics over HTTP."""
