"""All that can be seen of the node's devices now, and where one of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.health import Seen
from agent.services.health.held import InPods
from ports.devices import Device
from ports.plan import PodRef
from ports.vitals import Vitals

HOST = "host"  # a place that is no pod UID


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the host shows, by device name, and what the dataplane tells of pods."""

    shown: Mapping[str, Device]
    in_pods: InPods

    def is_under_way(self, name: str) -> bool:
        """Whether the device is between host and pod now, so that nothing can be said of it."""
        held = self.in_pods.devices.get(name)
        return held is not None and held.under_way and self.in_pods.fresh


def look(name: str, sight: Sight, place: str, pod: PodRef | None) -> tuple[Seen, PodRef | None]:
    """The device as it is seen, and the pod to tell of it; ``place`` and ``pod`` are those of the last look.

    Of what is in a pod the dataplane's word counts, also while the host still shows it as it was.
    """
    held, shown = sight.in_pods.devices.get(name), sight.shown.get(name)
    if held is not None and held.vitals is not None and sight.in_pods.fresh:
        return Seen(place=held.pod.uid, vitals=held.vitals), held.pod
    if shown is not None:
        return Seen(place=HOST, vitals=shown.vitals or Vitals()), None
    known = sight.in_pods.fresh and not sight.is_under_way(name)
    return Seen(place=place, vitals=None, known=known), held.pod if held is not None else pod
