"""What the dataplane timed, drawn as spans: one tree a claim, because each claim's Prepare began a trace of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ports.ledger import PodRecord
from ports.plan import Plan
from ports.results import StepTiming
from ports.telemetry import Span

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One attach or detach of a pod: when it began and ended (Unix nanoseconds), and how it went."""

    name: str
    sandbox: str
    start_ns: int
    end_ns: int
    timings: tuple[StepTiming, ...] = ()
    error: str = ""


def trees(record: PodRecord, work: Work) -> tuple[tuple[Span, str], ...]:
    """For each claim of the pod its tree and the trace it belongs to."""
    return tuple((_claim_tree(record, plan, work), plan.traceparent) for plan in record.plans)


def _claim_tree(record: PodRecord, plan: Plan, work: Work) -> Span:
    names = [device.device for device in plan.devices]
    mine = [[timing for timing in work.timings if timing.device == name] for name in names]
    attributes = {
        "k8s.namespace.name": record.pod.namespace,
        "k8s.pod.name": record.pod.name,
        "k8s.pod.uid": record.pod.uid,
        "knd.claim.name": plan.claim.name,
        "knd.claim.uid": plan.claim.uid,
        "knd.sandbox.id": work.sandbox,
    }
    return Span(
        name=work.name,
        start_ns=work.start_ns,
        end_ns=max(work.start_ns, work.end_ns),
        attributes=attributes,
        error=work.error,
        children=tuple(_device(timings) for timings in mine if timings),
    )


def _device(timings: list[StepTiming]) -> Span:
    name = timings[0].device
    return Span(
        name=f"device {name}",
        start_ns=min(timing.start_ns for timing in timings),
        end_ns=max(timing.end_ns for timing in timings),
        attributes={"knd.device.name": name},
        error=_first_error(timings),
        children=tuple(_step(timing) for timing in timings),
    )


def _step(timing: StepTiming) -> Span:
    return Span(
        name=timing.step,
        start_ns=timing.start_ns,
        end_ns=timing.end_ns,
        attributes={"knd.device.name": timing.device},
        error=timing.error,
    )


def _first_error(timings: Iterable[StepTiming]) -> str:
    return next((timing.error for timing in timings if timing.error), "")
