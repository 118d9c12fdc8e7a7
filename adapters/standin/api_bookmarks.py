"""Bookmarks of a watch: everything up to this version was shown, so that a watcher can go on from there."""

from __future__ import annotations

import time

from adapters.standin.api_request import GROUP, Object, Request

BEFORE_END = 2.0  # seconds before the end of a watch comes its last bookmark


class Bookmarks:
    """When a watch that asked for bookmarks gets one: now and then, and shortly before its end, as recorded."""

    def __init__(self, request: Request, seconds: float, end: float) -> None:
        self._seconds, self._last = seconds, max(time.monotonic(), end - BEFORE_END)
        self._version = request.version
        wanted = request.query.get("allowWatchBookmarks") == "true"
        self.due = min(time.monotonic() + seconds, self._last) if wanted else float("inf")

    def take(self) -> bool:
        """Whether one is due; the next one is due later."""
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = float("inf") if now >= self._last else min(now + self._seconds, self._last)
        return True

    def event(self, version: int) -> Object:
        """The bookmark: everything up to this version was shown."""
        body = {
            "kind": "ResourceSlice",
            "apiVersion": f"{GROUP}/{self._version}",
            "metadata": {"resourceVersion": str(version), "creationTimestamp": None},
            "spec": {"driver": "", "pool": {"name": "", "generation": 0, "resourceSliceCount": 0}},
        }
        return {"type": "BOOKMARK", "object": body}
