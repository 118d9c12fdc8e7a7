"""The kubelet's end of the DRA and registration services: what it sends, how it reads answers, the words it complains in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc

from adapters.kubelet.pb import registration_pb2
from adapters.kubelet.service import KUBELET_DEADLINE, SERVICES
from ports.errors import Code, Failure
from ports.inbound import Prepared, PreparedDevice
from ports.plan import ClaimRef

OPTIONS = (("grpc.default_authority", "localhost"), ("grpc.enable_retries", 0))
GET_INFO_SECONDS = 1.0
NOTIFY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """A registered driver. ``version`` is the first one of its list that the kubelet knows."""

    driver: str
    endpoint: str
    version: str


def call(path: str, method: str, request: Any, response: Any, timeout: float) -> Any:
    """One unary call to the server at a Unix socket; ``grpc.RpcError`` when it fails."""
    with grpc.insecure_channel(f"unix:{path}", options=OPTIONS) as channel:
        send = channel.unary_unary(
            method, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        return send(request, timeout=timeout)


def get_info(path: str) -> Any:
    """The ``PluginInfo`` of whoever serves this registrar socket."""
    method = "/pluginregistration.Registration/GetInfo"
    return call(path, method, registration_pb2.InfoRequest(), registration_pb2.PluginInfo, GET_INFO_SECONDS)


def notify(path: str, error: str) -> None:
    """Tell the registrar how it went; an empty error means registered."""
    method = "/pluginregistration.Registration/NotifyRegistrationStatus"
    status = registration_pb2.RegistrationStatus(plugin_registered=not error, error=error)
    call(path, method, status, registration_pb2.RegistrationStatusResponse, NOTIFY_SECONDS)


def plugin_of(info: Any) -> Plugin:
    """The plugin as the kubelet takes it, or INVALID in the words that the kubelet sends back."""
    if info.type != "DRAPlugin":
        raise Failure(Code.INVALID, "", f"no handler registered for plugin type: {info.type}")
    known = [version for version in info.supported_versions if version in SERVICES]
    if not known:
        raise Failure(Code.INVALID, "", _no_version(info))
    return Plugin(driver=info.name, endpoint=info.endpoint, version=known[0])


def prepare(plugin: Plugin, claims: tuple[ClaimRef, ...], timeout: float = KUBELET_DEADLINE) -> tuple[Prepared, ...]:
    """NodePrepareResources. Any claim that is refused or missing fails the pod: a Failure in the kubelet's words."""
    answer = _resources(plugin, "NodePrepareResources", claims, timeout)
    return tuple(Prepared(claim=claim, devices=_devices(answer.claims[claim.uid].devices)) for claim in claims)


def unprepare(plugin: Plugin, claims: tuple[ClaimRef, ...], timeout: float = KUBELET_DEADLINE) -> tuple[Prepared, ...]:
    """NodeUnprepareResources, judged as ``prepare`` is."""
    _resources(plugin, "NodeUnprepareResources", claims, timeout)
    return tuple(Prepared(claim=claim) for claim in claims)


def judge(method: str, claims: tuple[ClaimRef, ...], answer: Any) -> None:
    """What the kubelet finds wrong with an answer: a claim's error, an entry nobody asked for, claims left out."""
    by_uid = {claim.uid: claim for claim in claims}
    for uid, entry in answer.claims.items():
        if uid not in by_uid:
            raise Failure(Code.INVALID, "", f"{method} returned result for unknown claim UID {uid}")
        if entry.error:
            text = f"{method} failed for ResourceClaim {by_uid[uid].name}: {entry.error}"
            raise Failure(Code.UNAVAILABLE, "", text)
    if unfinished := len(by_uid) - len(answer.claims):
        raise Failure(Code.INVALID, "", f"{method} skipped {unfinished} ResourceClaims")


def _resources(plugin: Plugin, method: str, claims: tuple[ClaimRef, ...], timeout: float) -> Any:
    service, pb = SERVICES[plugin.version]
    wanted = [pb.Claim(namespace=claim.namespace, uid=claim.uid, name=claim.name) for claim in claims]
    request = getattr(pb, f"{method}Request")(claims=wanted)
    try:
        answer = call(plugin.endpoint, f"/{service}/{method}", request, getattr(pb, f"{method}Response"), timeout)
    except grpc.RpcError as error:
        raise Failure(Code.UNAVAILABLE, "", f"{method}: {rpc_text(error)}") from error
    judge(method, claims, answer)
    return answer


def rpc_text(error: Any) -> str:
    """A gRPC error as Go prints it, which is how it stands in a pod's events."""
    code = "".join(word.capitalize() for word in error.code().name.split("_"))
    return f"rpc error: code = {code} desc = {error.details()}"


def _devices(devices: Iterable[Any]) -> tuple[PreparedDevice, ...]:
    return tuple(
        PreparedDevice(
            request=next(iter(device.request_names), ""),
            pool=device.pool_name,
            device=device.device_name,
            cdi_device_ids=tuple(device.cdi_device_ids),
            share_id=_share_id(device),
        )
        for device in devices
    )


def _share_id(device: Any) -> str | None:
    if "share_id" in device.DESCRIPTOR.fields_by_name and device.HasField("share_id"):
        return str(device.share_id)
    return None


def _no_version(info: Any) -> str:
    offered, known = (
        " ".join(f'"{version}"' for version in versions) for versions in (info.supported_versions, SERVICES)
    )
    return (
        "RegisterPlugin error -- plugin validation failed with err: invalid supported gRPC versions of DRA driver plugin "
        f"{info.name} at endpoint {info.endpoint}: none of services supported by the plugin ([{offered}]) "
        f"are supported by the kubelet ([{known}])"
    )
