"""The kubelet's end of the health stream: the last word on each device, stamped with the kubelet's own clock.

As the real one does: the stream is opened to every registered driver, announced or not, and again after a pause when it
ends; what a driver told is forgotten with its stream, and counts as unknown when nothing is heard for the device's timeout.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from adapters.kubelet.health import SERVICES
from adapters.standin.dra_client import OPTIONS, Plugin
from ports.health import TIMEOUT

log = logging.getLogger("knd.standin.kubelet")
PAUSE = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a driver said of a device; ``until`` is when it is too old, in seconds of CLOCK_MONOTONIC."""

    status: str
    message: str
    until: float


class HealthWatch:
    """The stream from one registered driver, in a thread of its own until ``stop``."""

    def __init__(self, plugin: Plugin, version: str, pause: float = PAUSE) -> None:
        self._plugin = plugin
        self._service, self._pb = SERVICES[version]
        self._pause = pause
        self._told: Mapping[tuple[str, str], Told] = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._call: Any = None
        self.messages = 0
        self._thread = threading.Thread(target=self._run, name="standin-health", daemon=True)
        self._thread.start()

    def devices(self) -> dict[str, tuple[str, str]]:
        """Status and message of each device, by name; UNKNOWN for what is too old."""
        with self._changed:
            now = time.monotonic()
            return {
                device: (told.status if told.until > now else "UNKNOWN", told.message)
                for (_, device), told in self._told.items()
            }

    def wait(self, device: str, status: str, timeout: float) -> bool:
        """Whether the device gets this status in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.devices().get(device, ("", ""))[0] == status, timeout)

    def stop(self) -> None:
        """Hang up."""
        self._ended.set()
        call = self._call
        if call is not None:
            call.cancel()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with grpc.insecure_channel(f"unix:{self._plugin.endpoint}", options=OPTIONS) as channel:
                    self._follow(channel)
            except grpc.RpcError as error:
                log.info("health stream of %s ended: %s", self._plugin.driver, error)
            self._take({})
            self._ended.wait(self._pause)

    def _follow(self, channel: grpc.Channel) -> None:
        watch = channel.unary_stream(
            f"/{self._service}/NodeWatchResources",
            request_serializer=self._pb.NodeWatchResourcesRequest.SerializeToString,
            response_deserializer=self._pb.NodeWatchResourcesResponse.FromString,
        )
        self._call = watch(self._pb.NodeWatchResourcesRequest())
        if self._ended.is_set():
            self._call.cancel()
        for message in self._call:
            self.messages += 1
            self._take({_key(device): self._stamped(device) for device in message.devices})

    def _stamped(self, device: Any) -> Told:
        timeout = device.health_check_timeout_seconds or TIMEOUT
        status = self._pb.HealthStatus.Name(device.health)
        return Told(status=status, message=device.message, until=time.monotonic() + timeout)

    def _take(self, told: Mapping[tuple[str, str], Told]) -> None:
        with self._changed:
            self._told = told
            self._changed.notify_all()


def _key(device: Any) -> tuple[str, str]:
    return device.device.pool_name, device.device.device_name
