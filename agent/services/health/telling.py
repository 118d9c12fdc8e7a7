"""What people are told of the health of devices: Events on the Node and on the pod that has the device, metrics, the log.

Only changes are told. While a link flaps, its single losses are not, nor is what comes and goes with the carrier: the
flapping is. What is still so when it is over is told then. A switch that fails takes many devices with it: the Node gets one
Event for all that one look found of one cause.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from agent.domain.health import Finding, Verdict
from agent.services.notices import Notices
from ports.cluster import Notice
from ports.health import Condition, Status
from ports.metrics import Meter
from ports.plan import PodRef

log = logging.getLogger("knd.health")
RECOVERED = "DeviceRecovered"
REASONS = {
    Condition.CARRIER_LOST: "DeviceCarrierLost",
    Condition.LINK_FLAPPING: "DeviceLinkFlapping",
    Condition.RDMA_NOT_ACTIVE: "DeviceRdmaNotActive",
    Condition.PCI_ERRORS: "DevicePciErrors",
    Condition.GONE: "DeviceGone",
}

NAMED = 10  # devices that one Event names
GO_ALONG = (Condition.CARRIER_LOST, Condition.RDMA_NOT_ACTIVE)  # with each loss of a link that flaps


class Telling:
    """For one loop, which never waits for it."""

    def __init__(self, node: str, notices: Notices, meter: Meter) -> None:
        self._node = node
        self._notices = notices
        self._meter = meter
        self._found: dict[tuple[str, str, bool], list[tuple[str, PodRef | None]]] = {}  # by reason, text, warning

    def changed(self, device: str, before: Verdict, now: Verdict, pod: PodRef | None) -> None:
        """A device may be otherwise than before."""
        old, new = _by_condition(before.findings), _by_condition(now.findings)
        for condition in new:
            if condition not in old:
                self._began(device, new[condition])
            if not _hidden(condition, new) and (condition not in old or _hidden(condition, old)):
                self._put(device, REASONS[condition], new[condition].message, pod, warning=True)
        for condition in old.keys() - new.keys():
            self._ended(device, condition, new, pod)

    def looked(self) -> None:
        """One look is over: what it found is told to the Node, and to each pod."""
        found, self._found = self._found, {}
        for (reason, text, warning), places in found.items():
            devices = [device for device, _ in places]
            self._notice(("Node", "", self._node, ""), reason, f"{_named(devices)}: {text}", warning=warning)
            for device, pod in places:
                if pod is not None:
                    about = ("Pod", pod.namespace, pod.name, pod.uid)
                    self._notice(about, reason, f"device {device}: {text}", warning=warning)

    def totals(self, verdicts: Iterable[Verdict]) -> None:
        """How many devices are how."""
        found = tuple(verdicts)
        for status in Status:
            self._meter.show("knd_devices", sum(each.status is status for each in found), health=status)
        for condition in Condition:
            count = sum(condition in _by_condition(each.findings) for each in found)
            self._meter.show("knd_unhealthy_devices", count, condition=condition)

    def _began(self, device: str, finding: Finding) -> None:
        log.warning("device %s: %s", device, finding.message)
        self._meter.count("knd_health_changes", condition=finding.condition, to="unhealthy")

    def _ended(self, device: str, condition: Condition, now: Mapping[Condition, Finding], pod: PodRef | None) -> None:
        log.info("device %s: %s is over", device, condition)
        self._meter.count("knd_health_changes", condition=condition, to="healthy")
        if not _hidden(condition, now):
            self._put(device, RECOVERED, f"{condition} is over", pod, warning=False)

    def _put(self, device: str, reason: str, text: str, pod: PodRef | None, *, warning: bool) -> None:
        self._found.setdefault((reason, text, warning), []).append((device, pod))

    def _notice(self, about: tuple[str, str, str, str], reason: str, message: str, *, warning: bool) -> None:
        kind, namespace, name, uid = about
        self._notices.put(
            Notice(kind=kind, namespace=namespace, name=name, uid=uid, reason=reason, message=message, warning=warning)
        )


def _named(devices: list[str]) -> str:
    if len(devices) == 1:
        return f"device {devices[0]}"
    more = f" and {len(devices) - NAMED} more" if len(devices) > NAMED else ""
    return f"{len(devices)} devices ({', '.join(devices[:NAMED])}{more})"


def _by_condition(findings: Iterable[Finding]) -> dict[Condition, Finding]:
    return {finding.condition: finding for finding in findings}


def _hidden(condition: Condition, now: Mapping[Condition, Finding]) -> bool:
    return condition in GO_ALONG and Condition.LINK_FLAPPING in now
