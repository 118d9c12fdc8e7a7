"""The registration service: who we are, and what the kubelet made of it.

GetInfo has one second and does no work. NotifyRegistrationStatus is always answered with success, for the kubelet takes
an error as a wish to be deregistered; a refusal is logged, kept for readiness, and tried again by the kubelet itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from adapters.kubelet.messages import Unreadable, reader
from adapters.kubelet.pb import registration_pb2 as pb

log = logging.getLogger("knd.kubelet")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """The kubelet's last word. ``error`` is its text when it refused."""

    registered: bool = False
    error: str = ""


class Registrar:
    """Serves ``pluginregistration.Registration``; ``on_registered`` runs in a thread of its own at every registration."""

    def __init__(
        self, driver: str, endpoint: str, versions: tuple[str, ...], on_registered: Callable[[], None] | None
    ) -> None:
        self.state = Registration()
        self._info = pb.PluginInfo(type="DRAPlugin", name=driver, endpoint=endpoint, supported_versions=versions)
        self._on_registered = on_registered

    def service(self) -> grpc.GenericRpcHandler:
        """What a server serves."""
        methods = {
            "GetInfo": grpc.unary_unary_rpc_method_handler(
                lambda _request, _context: self._info, reader(pb.InfoRequest), pb.PluginInfo.SerializeToString
            ),
            "NotifyRegistrationStatus": grpc.unary_unary_rpc_method_handler(
                self._notified, reader(pb.RegistrationStatus), pb.RegistrationStatusResponse.SerializeToString
            ),
        }
        return grpc.method_handlers_generic_handler("pluginregistration.Registration", methods)

    def gone(self) -> None:
        """Our socket is away, so whatever the kubelet said no longer holds."""
        self.state = Registration()

    def _notified(self, status: Any, context: grpc.ServicerContext) -> Any:
        if isinstance(status, Unreadable):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is no pluginregistration.RegistrationStatus")
        self.state = Registration(registered=status.plugin_registered, error=status.error)
        if status.plugin_registered:
            log.info("registered with the kubelet")
            self._tell()
        else:
            log.error("the kubelet refused the registration: %s", status.error or "no reason given")
        return pb.RegistrationStatusResponse()

    def _tell(self) -> None:
        if self._on_registered is not None:
            threading.Thread(target=self._on_registered, name="knd-registered", daemon=True).start()
