"""The shape of a plan: pure checks of every value in it, before anything is asked of the kernel or written down."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ports.devices import SCOPE_LINK, SCOPE_UNIVERSE, Address, Link, Route
from ports.errors import Code, Failure
from ports.netconfig import MAC, MIN_MTU, name_mistakes
from ports.plan import (
    TEMPORARY_NAME,
    AddAddress,
    AddRoute,
    DevicePlan,
    Move,
    Plan,
    Release,
    Rename,
    SetMac,
    SetMtu,
    SetUp,
    Step,
)

ORDER: tuple[type[Step], ...] = (Release, Move, SetMtu, SetMac, Rename, AddAddress, SetUp, AddRoute)
REPEATED = (AddAddress, AddRoute)
UID = re.compile(r"[0-9A-Za-z]([0-9A-Za-z_.-]{0,126}[0-9A-Za-z])?")
MAX_DEVICES = 64
MAX_STEPS = 512
MAX_MTU = 65536
MULTICAST = 0x01  # the group bit of an Ethernet address


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
    yield from _twice("interface", (device.before.link.identity.ifindex for device in plan.devices))
    yield from _twice("name in the pod", (device.pod_name for device in plan.devices))
    moves = (step for device in plan.devices for step in device.steps if isinstance(step, Move))
    yield from _twice("temporary name", (move.temporary_name for move in moves))


def _twice(what: str, values: Iterable[object]) -> Iterator[str]:
    yield from (f"{what} {value} is used {times} times" for value, times in Counter(values).items() if times > 1)


def _device_mistakes(device: DevicePlan) -> Iterator[str]:
    kinds = [type(step) for step in device.steps]
    if kinds[:2] != [Release, Move] or Rename not in kinds:
        yield "the steps must begin with release and move, and rename must be among them"
    if any(ORDER.index(one) > ORDER.index(two) for one, two in pairwise(kinds)):
        yield "the steps are in another order than " + ", ".join(kind.__name__ for kind in ORDER)
    yield from (
        f"{kind.__name__} comes twice" for kind, times in Counter(kinds).items() if times > 1 and kind not in REPEATED
    )
    if len(kinds) > MAX_STEPS:
        yield f"{len(kinds)} steps"
    if device.before.link.identity.ifindex <= 0:
        yield f"{device.before.link.identity.ifindex} is no interface index"
    for step in device.steps:
        yield from _step_mistakes(step, device.before.link)


def _step_mistakes(step: Step, before: Link) -> Iterator[str]:
    match step:
        case Move() if not TEMPORARY_NAME.fullmatch(step.temporary_name):
            yield f"{step.temporary_name!r} is no temporary name"
        case Rename():
            yield from name_mistakes(step.name)
        case SetMtu():
            yield from _mtu_mistakes(step, before)
        case SetMac():
            yield from _mac_mistakes(step, before)
        case AddAddress():
            yield from _address_mistakes(step.address)
        case AddRoute():
            yield from _route_mistakes(step.route)


def _mtu_mistakes(step: SetMtu, before: Link) -> Iterator[str]:
    least, most = max(MIN_MTU, before.min_mtu), before.max_mtu or MAX_MTU
    if not least <= step.mtu <= most:
        yield f"MTU {step.mtu} is not between {least} and {most}"
    if step.before != before.mtu:
        yield f"MTU before was {before.mtu}, not {step.before}"


def _mac_mistakes(step: SetMac, before: Link) -> Iterator[str]:
    if not MAC.fullmatch(step.mac) or int(step.mac[:2], 16) & MULTICAST or not int(re.sub("[:-]", "", step.mac), 16):
        yield f"{step.mac!r} is no address of one interface"
    if step.before != before.mac:
        yield f"MAC before was {before.mac}, not {step.before}"


def _address_mistakes(address: Address) -> Iterator[str]:
    try:
        ipaddress.ip_interface(address.prefix)
    except ValueError as error:
        yield str(error)
    if "/" not in address.prefix or "%" in address.prefix or not 0 <= address.scope <= 255:
        yield f"{address.prefix!r} scope {address.scope} is no address with prefix length"


def _route_mistakes(route: Route) -> Iterator[str]:
    try:
        parsed: list[ipaddress.IPv4Network | ipaddress.IPv6Network | ipaddress.IPv4Address | ipaddress.IPv6Address]
        parsed = [ipaddress.ip_network(route.destination, strict=False)]
        parsed += [ipaddress.ip_address(text) for text in (route.gateway, route.source) if text is not None]
    except ValueError as error:
        yield str(error)
        return
    if len({item.version for item in parsed}) > 1:
        yield f"the route to {route.destination} mixes address families"
    if route.scope not in (SCOPE_UNIVERSE, SCOPE_LINK) or not 0 <= route.protocol <= 255:
        yield f"the route to {route.destination} has scope {route.scope}, protocol {route.protocol}"
    if not 0 < route.table <= 0xFFFFFFFF or not 0 <= route.metric <= 0xFFFFFFFF:
        yield f"the route to {route.destination} has table {route.table}, metric {route.metric}"
