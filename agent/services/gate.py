"""Whether a container may be created: decided from the pod's ledger record alone, without asking anybody.

A container of a pod whose devices are not in its namespace is refused, and the kubelet shows the reason and tries again.
That is preferred to failing the sandbox, which containerd 2.1.9 answers by leaking it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ports.errors import Code, Failure
from ports.gate import MARKER, marker
from ports.inbound import Container, PodSandbox
from ports.ledger import Phase, PodRecord

HOST_NETWORK = "set hostNetwork: false, or take the claim out of the pod"
UNTRUSTED = "it is made anew within minutes; if not, knd dataplane's log tells what became of it: then delete the pod"
SHARED = "a whole interface serves one pod at a time: give each pod its own claim, with a ResourceClaimTemplate"


def attached(record: PodRecord, sandbox_id: str) -> bool:
    """Whether everything of the pod is in this very sandbox (and not in an earlier one of the pod)."""
    done = {device.claim.uid for device in record.devices}
    complete = all(plan.claim.uid in done for plan in record.plans if plan.devices)
    return record.phase is Phase.ATTACHED and record.sandbox == sandbox_id and complete


def check_markers(record: PodRecord | None, sandbox: PodSandbox, container: Container) -> None:
    """Refuse a container with the marker of a claim that is not this pod's: the claim is attached to another pod."""
    ours = {marker(plan.claim.uid) for plan in record.plans} if record else set()
    foreign = sorted(set(_markers(container.env)) - ours)
    if foreign:
        uids = ", ".join(name.removeprefix(MARKER).replace("_", "-") for name in foreign)
        raise Failure(
            Code.REFUSED,
            str(sandbox.pod),
            f"container {container.name} uses the claim with UID {uids}, which is not attached to this pod",
            SHARED,
        )


def check_network(record: PodRecord, sandbox: PodSandbox) -> None:
    """Refuse a pod that has no network namespace of its own."""
    if sandbox.netns is None:
        raise Failure(
            Code.REFUSED,
            str(record.pod),
            f"uses the host's network, so {claims(record)} cannot be attached",
            HOST_NETWORK,
        )


def untrusted(sandbox: PodSandbox, failure: Failure) -> Failure:
    """The refusal for a pod whose record cannot be read."""
    detail = f"what was prepared for it cannot be read: {failure.detail}"
    return Failure(failure.code, str(sandbox.pod), detail, UNTRUSTED)


def unattached(record: PodRecord, failure: Failure) -> Failure:
    """The refusal for a pod whose attach failed, with the earlier reason where this one only says that time ran out."""
    earlier = record.reason if failure.code in (Code.UNAVAILABLE, Code.DEADLINE) else ""
    about = f"{failure.subject}: {failure.detail}" if failure.subject else failure.detail
    detail = f"{claims(record)} not attached: {about}" + (f"; the try before failed with: {earlier}" if earlier else "")
    return Failure(failure.code, str(record.pod), detail, failure.hint)


def claims(record: PodRecord) -> str:
    """The pod's claims in words."""
    return ", ".join(str(plan.claim) for plan in record.plans)


def _markers(env: Iterable[str]) -> Iterable[str]:
    return (entry.partition("=")[0] for entry in env if entry.startswith(MARKER))
