"""The shape of a plan: pure checks of its order and every value in it, before anything is asked of the kernel."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from dataplane.values import (
    address_mistakes,
    alternative_name_mistakes,
    limit_mistakes,
    mac_mistakes,
    neighbour_mistakes,
    route_mistakes,
    rule_mistakes,
    switch_mistakes,
    tuning_mistakes,
    vrf_mistakes,
)
from ports.devices import Link, LinkFacts, RdmaLimits
from ports.errors import Code, Failure
from ports.netconfig import MIN_MTU, name_mistakes
from ports.plan import (
    TEMPORARY_NAME,
    AddAddress,
    AddAlternativeName,
    AddNeighbour,
    AddRoute,
    AddRule,
    Announce,
    DevicePlan,
    JoinVrf,
    Move,
    MoveRdma,
    Plan,
    Release,
    RemovePrograms,
    Rename,
    SetMac,
    SetMtu,
    SetOffloads,
    SetSysctl,
    SetUp,
    Step,
    Tune,
)
from ports.sysctls import sysctl_mistakes

ORDER: tuple[type[Step], ...] = (
    Release,
    Move,
    SetMtu,
    SetMac,
    Tune,
    Rename,
    AddAlternativeName,
    SetSysctl,
    JoinVrf,
    AddAddress,
    SetOffloads,
    RemovePrograms,
    SetUp,
    AddRoute,
    AddRule,
    AddNeighbour,
    MoveRdma,
    Announce,
)
REPEATED = (AddAlternativeName, SetSysctl, AddAddress, AddRoute, AddRule, AddNeighbour, MoveRdma)
UID = re.compile(r"[0-9A-Za-z]([0-9A-Za-z_.-]{0,126}[0-9A-Za-z])?")
MAX_DEVICES = 64
MAX_STEPS = 512
MAX_MTU = 65536


def check_shape(plan: Plan) -> None:
    """INVALID with all mistakes for a plan that planning cannot have made."""
    mistakes = tuple(_mistakes(plan))
    if mistakes:
        raise Failure(Code.INVALID, str(plan.claim), "; ".join(mistakes), "this plan was not made by this version")


def _mistakes(plan: Plan) -> Iterator[str]:
    for what, uid in (("claim", plan.claim.uid), ("pod", plan.pod.uid)):
        if not UID.fullmatch(uid) or ".." in uid:
            yield f"{uid!r} is no UID of a {what}"
    if not 0 < len(plan.devices) <= MAX_DEVICES:
        yield f"{len(plan.devices)} devices"
    for device in plan.devices:
        yield from (f"device {device.device}: {mistake}" for mistake in _device_mistakes(device))
    yield from _twice("device", (device.before.link.identity for device in plan.devices))
    interfaces = [device for device in plan.devices if not device.rdma_only]
    yield from _twice("interface", (device.before.link.identity.ifindex for device in interfaces))
    yield from _twice("name in the pod", (device.pod_name for device in interfaces))
    yield from _twice("RDMA device", (rdma.name for device in plan.devices for rdma in device.before.rdma))
    moves = (step for device in plan.devices for step in device.steps if isinstance(step, Move))
    yield from _twice("temporary name", (move.temporary_name for move in moves))


def _twice(what: str, values: Iterable[object]) -> Iterator[str]:
    yield from (f"{what} {value} is used {times} times" for value, times in Counter(values).items() if times > 1)


def _device_mistakes(device: DevicePlan) -> Iterator[str]:
    kinds = [type(step) for step in device.steps]
    if device.rdma_only:
        yield from (f"{kind.__name__} needs an interface" for kind in kinds if kind is not MoveRdma)
    else:
        yield from _interface_mistakes(device, kinds)
    if any(ORDER.index(one) > ORDER.index(two) for one, two in pairwise(kinds)):
        yield "the steps are in another order than " + ", ".join(kind.__name__ for kind in ORDER)
    yield from (
        f"{kind.__name__} comes twice" for kind, times in Counter(kinds).items() if times > 1 and kind not in REPEATED
    )
    if len(kinds) > MAX_STEPS:
        yield f"{len(kinds)} steps"
    if device.rdma_limits != RdmaLimits() and not device.before.rdma:
        yield "RDMA limits without an RDMA device"
    yield from limit_mistakes(device.rdma_limits)
    for step in device.steps:
        yield from _step_mistakes(step, device.before)


def _interface_mistakes(device: DevicePlan, kinds: list[type[Step]]) -> Iterator[str]:
    if kinds[:2] != [Release, Move] or Rename not in kinds:
        yield "the steps must begin with release and move, and rename must be among them"
    index = device.before.link.identity.ifindex
    if index <= 0:
        yield f"{index} is no interface index"


def _step_mistakes(step: Step, before: LinkFacts) -> Iterator[str]:
    match step:
        case Move() if not TEMPORARY_NAME.fullmatch(step.temporary_name):
            yield f"{step.temporary_name!r} is no temporary name"
        case Rename():
            yield from name_mistakes(step.name)
        case SetMtu():
            yield from _mtu_mistakes(step, before.link)
        case SetMac():
            yield from mac_mistakes(step.mac)
            yield from _lies("MAC", step.before, before.link.mac)
        case Tune():
            yield from (mistake for each in (step.tuning, step.before) for mistake in tuning_mistakes(each))
        case SetOffloads():
            yield from switch_mistakes(step)
        case MoveRdma() if step.rdma not in before.rdma or not before.rdma_exclusive:
            yield f"RDMA device {step.rdma.name} is not one that this device could take along"
        case _:
            yield from _value_mistakes(step)


def _value_mistakes(step: Step) -> Iterator[str]:
    match step:
        case AddAlternativeName():
            yield from alternative_name_mistakes(step.name)
        case SetSysctl():
            yield from sysctl_mistakes(step.sysctl)
        case JoinVrf():
            yield from vrf_mistakes(step.name, step.table)
        case AddAddress():
            yield from address_mistakes(step.address)
        case AddRoute():
            yield from route_mistakes(step.route)
        case AddRule():
            yield from rule_mistakes(step.rule)
        case AddNeighbour():
            yield from neighbour_mistakes(step.neighbour)


def _mtu_mistakes(step: SetMtu, before: Link) -> Iterator[str]:
    least, most = max(MIN_MTU, before.min_mtu), before.max_mtu or MAX_MTU
    if not least <= step.mtu <= most:
        yield f"MTU {step.mtu} is not between {least} and {most}"
    yield from _lies("MTU", step.before, before.mtu)


def _lies(what: str, told: object, true: object) -> Iterator[str]:
    if told != true:
        yield f"{what} before was {true}, not {told}"
