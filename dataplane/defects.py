"""A defect of ours as a failure, so that undoing and answering go on and one pod's defect is no other pod's."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ports.errors import Code, Failure

log = logging.getLogger("knd.dataplane")


def as_failure(error: Exception, subject: str, extra: Mapping[str, str] | None = None) -> Failure:
    """The failure itself, or INTERNAL for everything else, with the traceback in the log."""
    if isinstance(error, Failure):
        return error
    log.exception("a defect", exc_info=error, extra=extra)
    return Failure(Code.INTERNAL, subject, f"{type(error).__name__}: {error}", "see the dataplane's log")
