"""From a look to a verdict: each condition with the time since when it has lasted.

A loss of the carrier is told at once, but not of a link that was only just set up or moved: cards negotiate for some
seconds. A device that is nowhere is gone only after a moment, because on its way into a pod and back nobody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.domain.health import flapping
from agent.domain.health.memory import Finding, Memory, Seen, Verdict
from ports.health import Condition, Status
from ports.nodeconfig import Health, Lasting
from ports.vitals import Vitals

SETTLING = 5.0  # seconds that a card may take from up to a carrier
ABSENT = 1.0  # seconds that a device may be on its way


def judge(memory: Memory, seen: Seen, now: float, policy: Health) -> tuple[Memory, Verdict]:
    """What is to be kept of a device, and what is to be told of it. ``memory`` is ``NEW`` at the first look."""
    if not seen.known:
        return memory, Verdict(status=Status.UNKNOWN)
    looked = _looked(memory, seen, now, policy)
    texts = dict(_wrong(looked, seen.vitals, now, policy))
    new = {each: _began(each, looked, now, policy, first=not memory.place) for each in texts}
    looked = replace(looked, since={each: looked.since.get(each, new[each]) for each in texts})
    findings = tuple(_finding(each, text, looked, now, policy) for each, text in texts.items())
    status = Status.UNHEALTHY if findings else Status.HEALTHY
    return looked, Verdict(status=status, findings=findings, again_at=_again_at(looked, findings, now, policy))


def _looked(memory: Memory, seen: Seen, now: float, policy: Health) -> Memory:
    if seen.vitals is None:
        return replace(memory, absent_at=now if memory.absent_at is None else memory.absent_at)
    vitals, first = seen.vitals, not memory.place
    moved = (seen.place, vitals.up) != (memory.place, memory.up) and not first
    memory = replace(
        memory,
        place=seen.place,
        up=vitals.up,
        absent_at=None,
        settled_at=now + SETTLING if moved and vitals.up else memory.settled_at,
    )
    return _errors(flapping.counted(memory, vitals, now, policy.linkFlapping), vitals, now)


def _errors(memory: Memory, vitals: Vitals, now: float) -> Memory:
    """Counters that were not higher at the first look start there: what was before us is not known to matter."""
    before = memory.errors if len(memory.errors) == len(vitals.errors) else vitals.errors
    rose = any(new > old for new, old in zip(vitals.errors, before, strict=True))
    return replace(memory, errors=vitals.errors, errors_at=now if rose else memory.errors_at)


def _wrong(memory: Memory, vitals: Vitals | None, now: float, policy: Health) -> Iterator[tuple[Condition, str]]:
    if vitals is None:
        if memory.absent_at is not None and now >= memory.absent_at + ABSENT:
            yield Condition.GONE, "the device is gone from this node"
        return
    settled = now >= memory.settled_at
    if vitals.up and vitals.carrier is False and settled:
        yield Condition.CARRIER_LOST, "the interface is up and has no carrier"
    if memory.flapping:
        flap = policy.linkFlapping
        yield Condition.LINK_FLAPPING, f"the carrier was lost {flap.changes} times or more in {flap.withinSeconds} s"
    if vitals.up is not False and vitals.idle_ports and settled:
        yield Condition.RDMA_NOT_ACTIVE, f"RDMA: {', '.join(vitals.idle_ports)}"
    if memory.errors_at is not None and now < memory.errors_at + policy.pciErrors.quietSeconds:
        yield Condition.PCI_ERRORS, f"uncorrectable PCI errors: {_counts(memory.errors)} since the device was found"


def _counts(errors: tuple[int, ...]) -> str:
    return ", ".join(f"{count} {kind}" for count, kind in zip(errors, ("fatal", "non-fatal"), strict=False))


def _began(condition: Condition, memory: Memory, now: float, policy: Health, *, first: bool) -> float:
    """What was so before anybody looked has lasted: a restart of ours takes no taint away for a moment."""
    if condition is Condition.GONE and memory.absent_at is not None:
        return memory.absent_at
    lasting = _lasting(policy).get(condition)
    return now - lasting.afterSeconds if first and lasting is not None else now


def _finding(condition: Condition, text: str, memory: Memory, now: float, policy: Health) -> Finding:
    since = memory.since[condition]
    lasting = _lasting(policy).get(condition)
    tainted = lasting is None or now >= since + lasting.afterSeconds
    return Finding(condition=condition, since=since, message=text, tainted=tainted)


def _lasting(policy: Health) -> Mapping[Condition, Lasting]:
    return {
        Condition.CARRIER_LOST: policy.carrierLost,
        Condition.RDMA_NOT_ACTIVE: policy.rdmaNotActive,
        Condition.GONE: policy.gone,
    }


def _again_at(memory: Memory, findings: tuple[Finding, ...], now: float, policy: Health) -> float | None:
    """The next moment at which time alone can change the verdict."""
    lasting = _lasting(policy)
    moments = [each.since + lasting[each.condition].afterSeconds for each in findings if each.condition in lasting]
    moments += [memory.settled_at]
    moments += [flapping.over_at(memory, policy.linkFlapping) or 0.0]
    moments += [memory.errors_at + policy.pciErrors.quietSeconds] if memory.errors_at is not None else []
    moments += [memory.absent_at + ABSENT] if memory.absent_at is not None else []
    return min((moment for moment in moments if moment > now), default=None)
