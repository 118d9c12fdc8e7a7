"""What the version before a damaged record is worth: a hint of where to look, never the last word.

The damaged one was written after it, so what it calls under way has ended: an attach that was begun was finished or
undone. Only the kernel knows which, and recovery asks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dataplane.policy import check_free
from dataplane.shape import check_shape
from ports.ledger import Phase, PodRecord

BEGUN = frozenset({Phase.ATTACHING, Phase.ATTACHED, Phase.DOUBTFUL})


def hint(previous: PodRecord, others: Iterable[PodRecord]) -> PodRecord:
    """The record to go on with. INVALID or CONFLICT: its plans are none, or another record has what they want."""
    known = tuple(others)
    for plan in previous.plans:
        check_shape(plan)
        check_free(plan, known)
    return replace(previous, phase=Phase.DOUBTFUL) if previous.phase in BEGUN else previous
