"""Each step of a plan as two acts on the kernel: its do, and the undo that leaves the host as it was.

The device is looked up by identity before it is moved either way. Undoing a step that was never done does no harm, so
that a transaction can undo all steps without knowing how far it came. One module a family of steps; importing them here
is what makes ``do`` and ``undo`` know them.
"""

from dataplane.steps import addressing, controls, identity, travel
from dataplane.steps.acts import do, undo
from dataplane.steps.site import Site
from dataplane.steps.travel import bring_home

__all__ = ["Site", "addressing", "bring_home", "controls", "do", "identity", "travel", "undo"]
