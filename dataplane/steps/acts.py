"""``do`` and ``undo``: the two acts that every kind of step registers its own way of."""

from __future__ import annotations

from functools import singledispatch

from dataplane.steps.site import Site
from ports.plan import Step


@singledispatch
def do(step: Step, _site: Site) -> None:
    """Carry the step out."""
    raise TypeError(f"no such step: {step!r}")


@singledispatch
def undo(_step: Step, _site: Site) -> None:
    """Take the step back. Most need nothing: a move between namespaces drops addresses, routes, sysctls."""
