"""The DRA service: the kubelet's calls, in either version, to ``ports.inbound.ResourceHooks``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import grpc

from adapters.kubelet.messages import Unreadable, claim_refs, prepare_answer, reader, unprepare_answer
from adapters.kubelet.pb import dra_v1_pb2, dra_v1beta1_pb2
from ports.inbound import Prepared, ResourceHooks
from ports.plan import ClaimRef

log = logging.getLogger("knd.kubelet")
KUBELET_DEADLINE = 45.0  # what the kubelet gives a call for all claims of a pod
MARGIN = 0.5  # kept back, so that an answer made at the deadline still reaches the kubelet before its own
SERVICES = {
    "v1.DRAPlugin": ("k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin", dra_v1_pb2),
    "v1beta1.DRAPlugin": ("k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin", dra_v1beta1_pb2),
}
Hook = Callable[[tuple[ClaimRef, ...], float], tuple[Prepared, ...]]


def dra_service(version: str, hooks: ResourceHooks) -> grpc.GenericRpcHandler:
    """The service that ``version`` stands for in the registration."""
    name, pb = SERVICES[version]
    return grpc.method_handlers_generic_handler(
        name,
        {
            "NodePrepareResources": _method(
                pb, pb.NodePrepareResourcesRequest, pb.NodePrepareResourcesResponse, hooks.prepare, prepare_answer
            ),
            "NodeUnprepareResources": _method(
                pb,
                pb.NodeUnprepareResourcesRequest,
                pb.NodeUnprepareResourcesResponse,
                hooks.unprepare,
                unprepare_answer,
            ),
        },
    )


def deadline_of(context: grpc.ServicerContext) -> float:
    """The call's deadline in seconds of CLOCK_MONOTONIC, a little early; the kubelet's usual one where none was sent."""
    left = context.time_remaining()
    left = KUBELET_DEADLINE if left is None else min(left, KUBELET_DEADLINE)
    return time.monotonic() + max(0.0, left - MARGIN)


def _method(
    pb: ModuleType, request: Any, response: Any, hook: Hook, answer: Callable[..., Any]
) -> grpc.RpcMethodHandler:
    def handle(message: Any, context: grpc.ServicerContext) -> Any:
        if isinstance(message, Unreadable):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {request.DESCRIPTOR.full_name}")
        claims, bad = claim_refs(message.claims)
        return answer(pb, claims, _ask(hook, claims, deadline_of(context)), bad)

    return grpc.unary_unary_rpc_method_handler(handle, reader(request), response.SerializeToString)


def _ask(hook: Hook, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
    if not claims:
        return ()
    try:
        return hook(claims, deadline)
    except Exception:
        log.exception("a hook raised instead of answering", extra={"claim": ", ".join(map(str, claims))})
        return ()
