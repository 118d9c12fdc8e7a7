"""A pod's record from phase to phase, and the answers made of it: values in, values out."""

from __future__ import annotations

from dataclasses import replace

from dataplane.steps import Site
from dataplane.transaction import TakenBack
from ports.dataplane import Sandbox
from ports.devices import DeviceNode, RdmaLink
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.ledger import Phase, PodRecord
from ports.plan import DevicePlan, MoveRdma, Plan
from ports.results import Attached, AttachedDevice, Detached


def already(record: PodRecord) -> Attached:
    """The answer for a pod that is attached."""
    return Attached(
        pod=record.pod,
        sandbox=record.sandbox or "",
        devices=record.devices,
        already=True,
        traceparent=record.plans[0].traceparent,
    )


def placed(record: PodRecord, sandbox: Sandbox, pod: Namespace) -> PodRecord:
    """The intent to attach to this sandbox, in the namespace that was opened for it."""
    return PodRecord(
        pod=record.pod,
        plans=record.plans,
        phase=Phase.ATTACHING,
        sandbox=sandbox.id,
        netns=sandbox.netns,
        netns_cookie=pod.cookie,
    )


def attached(record: PodRecord, sites: tuple[Site, ...], pod: Namespace) -> PodRecord:
    """The pod with all steps done, every device read back from the kernel."""
    claims = [(plan, device) for plan in record.plans for device in plan.devices]
    devices = tuple(_read_back(plan, device, site, pod) for (plan, device), site in zip(claims, sites, strict=True))
    indexes = tuple(site.arrived()[1] for site in sites)
    return replace(record, phase=Phase.ATTACHED, devices=devices, indexes=indexes)


def _read_back(plan: Plan, device: DevicePlan, site: Site, pod: Namespace) -> AttachedDevice:
    link, rdma = site.in_pod(), device.before.rdma
    if link is None or link.name != device.pod_name:
        raise Failure(Code.KERNEL, f"device {device.device}", f"is not in the pod as {device.pod_name} after all steps")
    return AttachedDevice(
        claim=plan.claim,
        request=device.request,
        pool=device.pool,
        device=device.device,
        interface=link.name,
        mac=link.mac,
        addresses=() if device.rdma_only else tuple(each.prefix for each in pod.addresses(link.identity.ifindex)),
        share_id=device.share_id,
        rdma=tuple(each.name for each in rdma),
        rdma_moved=any(isinstance(step, MoveRdma) for step in device.steps),
        nodes=tuple(node for each in rdma for node in _nodes(site, each)),
    )


def _nodes(site: Site, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
    """Nobody can use an RDMA device without a device file, but the interface that it belongs to serves without it."""
    try:
        return site.machine.rdma.nodes(rdma)
    except Failure as failure:
        if failure.code is Code.NOT_FOUND and not site.plan.rdma_only:
            return ()
        raise


def detached(record: PodRecord, taken: tuple[TakenBack, ...]) -> Detached:
    """What is told of devices that were taken back."""
    return Detached(
        pod_uid=record.pod.uid,
        devices=tuple(each.device for each in taken if not each.reason),
        lost=tuple(f"{each.device}: {each.reason}" for each in taken if each.reason),
        timings=tuple(timing for each in taken for timing in each.timings),
    )


def without(record: PodRecord, plan: Plan) -> PodRecord:
    """The record of the pod's other claims."""
    kept = tuple(index for index, device in enumerate(record.devices) if device.claim != plan.claim)
    return replace(
        record,
        plans=tuple(other for other in record.plans if other != plan),
        devices=tuple(record.devices[index] for index in kept),
        indexes=tuple(record.indexes[index] for index in kept),
    )
