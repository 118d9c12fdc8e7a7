"""The health stream (KEP-4680): every kubelet that asks gets all devices at once, then each change, and a sign of life.

The kubelet opens it to every driver, announced or not, and stamps what comes with its own clock: a device that it hears
nothing of for the device's timeout is unknown to it. So the same list is sent again when nothing changes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import grpc

from adapters.kubelet.messages import Unreadable, reader
from adapters.kubelet.pb import health_v1_pb2, health_v1alpha1_pb2
from ports.health import LONGEST_MESSAGE, RESEND, DeviceHealth, HealthReport, HealthReports, Status

log = logging.getLogger("knd.kubelet")
SERVICES = {
    "v1.DRAResourceHealth": ("v1.DRAResourceHealth", health_v1_pb2),
    "v1alpha1.DRAResourceHealth": ("v1alpha1.DRAResourceHealth", health_v1alpha1_pb2),
}
MOST_STREAMS = 8  # of a kubelet, the one before it that has not gone yet, and people who look
LOOK = 1.0  # seconds in which a stream that ended is noticed; nothing is sent for it
STATUS = {Status.UNKNOWN: "UNKNOWN", Status.HEALTHY: "HEALTHY", Status.UNHEALTHY: "UNHEALTHY"}


class HealthStreams:
    """All streams of both versions together; each has a thread of its own."""

    def __init__(self, reports: HealthReports, resend: float = RESEND) -> None:
        self._reports = reports
        self._resend = resend
        self._free = threading.Semaphore(MOST_STREAMS)

    def service(self, version: str) -> grpc.GenericRpcHandler:
        """The service that ``version`` stands for in the registration."""
        name, pb = SERVICES[version]
        request, response = pb.NodeWatchResourcesRequest, pb.NodeWatchResourcesResponse

        def watch(message: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            if isinstance(message, Unreadable):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {request.DESCRIPTOR.full_name}")
            if not self._free.acquire(blocking=False):
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MOST_STREAMS} health streams are open already")
            try:
                yield from (answer(pb, report) for report in self._following(context))
            finally:
                self._free.release()

        method = grpc.unary_stream_rpc_method_handler(watch, reader(request), response.SerializeToString)
        return grpc.method_handlers_generic_handler(name, {"NodeWatchResources": method})

    def _following(self, context: grpc.ServicerContext) -> Iterator[HealthReport]:
        """The newest report, each newer one, and the same one again before it gets too old."""
        edition, waited = -1, 0.0
        while context.is_active():
            report = self._reports.report(edition, min(LOOK, self._resend))
            waited += min(LOOK, self._resend)
            if report.edition > edition or waited >= self._resend:
                edition, waited = report.edition, 0.0
                yield report


def answer(pb: ModuleType, report: HealthReport) -> Any:
    """The message of this version."""
    return pb.NodeWatchResourcesResponse(devices=[_device(pb, device) for device in report.devices])


def _device(pb: ModuleType, device: DeviceHealth) -> Any:
    return pb.DeviceHealth(
        device=pb.DeviceIdentifier(pool_name=device.pool, device_name=device.device),
        health=pb.HealthStatus.Value(STATUS[device.status]),
        last_updated_time=device.since,
        health_check_timeout_seconds=device.timeout,
        message=_shortened(device.message),
    )


def _shortened(message: str) -> str:
    data = message.encode("utf-8", "replace")
    return (
        data.decode() if len(data) <= LONGEST_MESSAGE else data[: LONGEST_MESSAGE - 3].decode("utf-8", "ignore") + "..."
    )
