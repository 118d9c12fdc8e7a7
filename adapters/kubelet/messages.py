"""Wire messages to values and back, for both versions of the DRA service.

The kubelet fails the whole call when a claim of the request has no entry in the answer or an entry was not asked for, so
answers are built from the request, never from what the hooks happened to return.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from google.protobuf.message import DecodeError

from ports.inbound import Prepared, PreparedDevice
from ports.plan import ClaimRef

NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?")
NO_ANSWER = "the driver gave no answer for this claim (a defect; see the driver's log)"


def claim_refs(claims: Iterable[Any]) -> tuple[tuple[ClaimRef, ...], dict[str, str]]:
    """The claims that can be worked on, and what is wrong with the others, by UID."""
    good: dict[str, ClaimRef] = {}
    bad: dict[str, str] = {}
    for claim in claims:
        ref = ClaimRef(namespace=claim.namespace, name=claim.name, uid=claim.uid)
        mistake = _mistake(ref) or ("is asked for twice, under two names" if good.get(ref.uid, ref) != ref else "")
        if mistake:
            bad[ref.uid] = f"{ref} with UID {ref.uid!r}: {mistake}"
        good[ref.uid] = ref
    return tuple(ref for uid, ref in good.items() if uid not in bad), bad


def prepare_answer(
    pb: ModuleType, asked: Iterable[ClaimRef], answers: Iterable[Prepared], bad: Mapping[str, str]
) -> Any:
    """A ``NodePrepareResourcesResponse`` of this version with an entry for every claim asked for."""
    response = pb.NodePrepareResourcesResponse()
    for uid, prepared in _entries(asked, answers, bad):
        devices = [] if prepared.error else [_device(pb, device) for device in prepared.devices]
        response.claims[uid].CopyFrom(pb.NodePrepareResourceResponse(devices=devices, error=_text(prepared.error)))
    return response


def unprepare_answer(
    pb: ModuleType, asked: Iterable[ClaimRef], answers: Iterable[Prepared], bad: Mapping[str, str]
) -> Any:
    """A ``NodeUnprepareResourcesResponse`` of this version with an entry, empty for success, for every claim asked for."""
    response = pb.NodeUnprepareResourcesResponse()
    for uid, prepared in _entries(asked, answers, bad):
        response.claims[uid].CopyFrom(pb.NodeUnprepareResourceResponse(error=_text(prepared.error)))
    return response


class Unreadable:
    """Stands for a request whose bytes are no such message, so that the handler can say so in words."""


def reader(message: Any) -> Any:
    """A deserializer that yields ``Unreadable`` instead of raising inside gRPC, which would answer INTERNAL and log a trace."""

    def read(data: bytes) -> Any:
        try:
            return message.FromString(data)
        except DecodeError:
            return Unreadable()

    return read


def _entries(
    asked: Iterable[ClaimRef], answers: Iterable[Prepared], bad: Mapping[str, str]
) -> Iterable[tuple[str, Prepared]]:
    by_uid = {answer.claim.uid: answer for answer in answers}
    for claim in asked:
        yield claim.uid, by_uid.get(claim.uid) or Prepared(claim=claim, error=NO_ANSWER)
    for uid, mistake in bad.items():
        yield uid, Prepared(claim=ClaimRef(namespace="", name="", uid=uid), error=mistake)


def _text(words: str) -> str:
    """As protobuf takes it: what JSON can hold beyond UTF-8 (half a surrogate pair, in a user's parameters) is a ``?``."""
    return words.encode("utf-8", "replace").decode()


def _device(pb: ModuleType, device: PreparedDevice) -> Any:
    message = pb.Device(
        request_names=[base_name(device.request)],
        pool_name=device.pool,
        device_name=device.device,
        cdi_device_ids=device.cdi_device_ids,
    )
    if device.share_id is not None and "share_id" in pb.Device.DESCRIPTOR.fields_by_name:
        message.share_id = device.share_id
    return message


def base_name(request: str) -> str:
    """A request's name without its subrequest: the kubelet compares it with what the container lists."""
    return request.partition("/")[0]


def _mistake(ref: ClaimRef) -> str:
    for field, value in (("namespace", ref.namespace), ("name", ref.name), ("UID", ref.uid)):
        if not NAME.fullmatch(value):
            return f"its {field} is {'empty' if not value else 'malformed'}"
    return ""
