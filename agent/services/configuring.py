"""Between the watcher and its feed: what the node's configuration says of the devices, also when that alone changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent.domain.discovery.configured import configured
from ports.devices import Device, Inventory
from ports.feed import InventorySink
from ports.nodeconfig import NodeConfig

log = logging.getLogger("knd.watch")


class ConfiguredSink:
    """``InventorySink`` in front of another one.

    While nobody can tell what the configuration says (``config`` returns None) nothing is passed on: what was published
    before stays as it is, and a device that may be denied is not offered.
    """

    def __init__(self, sink: InventorySink, config: Callable[[], NodeConfig | None], driver: str) -> None:
        self._sink = sink
        self._config = config
        self._driver = driver
        self._lock = threading.Lock()
        self._seen: tuple[Device, ...] | None = None
        self._told: tuple[tuple[Device, ...], int] | None = None
        self._missed = 0
        self._generation = 0

    def publish(self, inventory: Inventory) -> None:
        """See ``InventorySink``."""
        with self._lock:
            self._seen, self._missed = inventory.devices, inventory.missed
            self._pass_on()

    def reconfigured(self) -> None:
        """The configuration may be another one."""
        with self._lock:
            self._pass_on()

    def _pass_on(self) -> None:
        config = self._config()
        if config is None:
            log.error("no device is told of until the node's configuration is without mistakes")
        if config is None or self._seen is None:
            return
        chosen = configured(self._seen, config, self._driver)
        if (chosen, self._missed) != self._told:
            self._told = chosen, self._missed
            self._generation += 1
            self._sink.publish(Inventory(generation=self._generation, devices=chosen, missed=self._missed))
