"""Notices that are kept instead of being told to a cluster."""

from __future__ import annotations

from agent.services.notices import Notices
from ports.cluster import Notice


class KeptNotices(Notices):
    """``kept`` has them in order."""

    def __init__(self) -> None:
        self.kept: list[Notice] = []
        super().__init__(self.kept.append)

    def put(self, notice: Notice) -> None:
        """Keep it."""
        self.kept.append(notice)
