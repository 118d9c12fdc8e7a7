"""Which steps of a plan come from a DHCP server's lease: the only ones that may change while a pod has the device."""

from __future__ import annotations

from dataclasses import replace

from ports.devices import Lifetime
from ports.plan import AddAddress, AddRoute, DevicePlan, Plan, Step

RTPROT_DHCP = 16  # linux/rtnetlink.h: who made a route
LOST = Lifetime(preferred_until=1.0, valid_until=1.0)
"""Of an address whose lease was lost before another one came: it is taken out of a pod, and no pod begins without it."""


def is_leased(step: Step) -> bool:
    """Whether the step ends with a lease: an address that has a lifetime, a route that DHCP told of."""
    match step:
        case AddAddress():
            return step.address.lifetime is not None
        case AddRoute():
            return step.route.protocol == RTPROT_DHCP
        case _:
            return False


def lasting(plan: Plan) -> Plan:
    """The plan without what is leased and whoever traces it: two plans with the same one differ in their leases only."""
    return replace(plan, devices=tuple(_lasting(device) for device in plan.devices), traceparent="")


def _lasting(device: DevicePlan) -> DevicePlan:
    return replace(device, steps=tuple(step for step in device.steps if not is_leased(step)))
