"""A site's webhook with a memory: one address a claim and device, as a test's IPAM."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.metadata import Asked, FakeServer, Reply


class Ipam(FakeServer):
    """Every profile but ``none`` gives one. ``leases`` is what is given now; ``broken``: releases are refused."""

    def __init__(self, attributes: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> None:
        super().__init__(
            {
                "/health": Reply(body={"cloudProvider": attributes is not None, "profileProvider": True}),
                "/GetDeviceAttributes": Reply(body=attributes or {}),
                "/GetDeviceConfig": Reply(body=config or {}),
                "/GetProfileConfig": self._give,
                "/ReleaseProfileConfig": self._take_back,
            }
        )
        self.leases: dict[tuple[str, str], str] = {}
        self.released: list[tuple[str, str]] = []
        self.broken = False
        self._lock = threading.Lock()
        self._next = 200

    def _give(self, asked: Asked) -> Reply:
        """The same again for the same claim and device."""
        with self._lock:
            if asked.json()["config"]["profile"] == "none":
                return Reply(status=404, body="no such profile")
            if _key(asked) not in self.leases:
                self.leases[_key(asked)] = f"10.200.200.{self._next}/24"
                self._next += 1
            return Reply(body={"interface": {"addresses": [self.leases[_key(asked)]]}})

    def _take_back(self, asked: Asked) -> Reply:
        with self._lock:
            if self.broken:
                return Reply(status=500, body="the database is away")
            self.leases.pop(_key(asked), None)
            self.released.append(_key(asked))
            return Reply()


def _key(asked: Asked) -> tuple[str, str]:
    body = asked.json()
    return body["claim_uid"], body["device"]["name"]
