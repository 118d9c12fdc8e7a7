"""The part of a modelled namespace that is about neither moving nor addresses: sizes, names, rules, VRFs, sysctls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from ipaddress import ip_address, ip_network

from ports.devices import SETTABLE_FLAGS, Identity, Link, Neighbour, Rule, Sysctl, Tuning
from ports.errors import Code, Failure
from ports.queueing import Queueing
from ports.sriov import VirtualFunction
from tests.contracts.kernel.model import Calls, Device, Net, refused

LEGACY_SIZE = 65536
LARGEST_SIZE = 524280
SYSCTL = re.compile(r"(ipv4|ipv6)/[a-z0-9_]+")


class Settings:
    """Works on one namespace of the model."""

    def __init__(self, calls: Calls, net: Net) -> None:
        self._calls = calls
        self._net = net
        self._open = True

    def fileno(self) -> int:
        """No file: a number that no system call takes for one."""
        return -1

    def set_flags(self, ifindex: int, flags: int) -> None:
        """Set the flags that people set."""
        with self._call("set_flags"):
            self._device(ifindex).change(flags=flags & SETTABLE_FLAGS)

    def set_tuning(self, ifindex: int, tuning: Tuning) -> None:
        """Set what is not None; a size that suits plain IPv4 becomes that of IPv4 too, as in Linux."""
        with self._call("set_tuning"):
            device = self._device(ifindex)
            wanted = {name: value for name, value in asdict(tuning).items() if value is not None}
            if any(name != "tx_queue_len" and value > LARGEST_SIZE for name, value in wanted.items()):
                raise refused(device, "Invalid argument: too big")
            for kind in ("gso", "gro"):
                if wanted.get(f"{kind}_max_size", LEGACY_SIZE + 1) <= LEGACY_SIZE:
                    wanted.setdefault(f"{kind}_ipv4_max_size", wanted[f"{kind}_max_size"])
            device.tuning = replace(device.tuning, **wanted)

    def add_alternative_name(self, ifindex: int, name: str) -> None:
        """Add a further name."""
        with self._call("add_alternative_name"):
            device = self._device(ifindex)
            if self._net.named(name) is not None and name not in device.alternative_names:
                raise Failure(Code.CONFLICT, name, "the name is taken")
            device.alternative_names.add(name)

    def remove_alternative_name(self, ifindex: int, name: str) -> None:
        """Remove a further name."""
        with self._call("remove_alternative_name"):
            self._device(ifindex).alternative_names.discard(name)

    def set_alias(self, ifindex: int, alias: str) -> None:
        """Set the text for people."""
        with self._call("set_alias"):
            self._device(ifindex).alias = alias

    def set_queueing(self, ifindex: int, wish: Queueing) -> None:
        """Put what is not there."""
        with self._call("set_queueing"):
            device = self._device(ifindex)
            device.queueing = _with(device, wish)

    def function(self, ifindex: int) -> VirtualFunction | None:
        """What a test gave it."""
        with self._call("function"):
            return self._device(ifindex).function

    def set_functions(self, ifindex: int, wish: tuple[VirtualFunction, ...]) -> None:
        """Set all but the hardware addresses."""
        with self._call("set_functions"):
            device = self._device(ifindex)
            wanted = {each.number: each for each in wish}
            if wanted.keys() - {each.number for each in device.functions}:
                raise refused(device, "function is not there")
            device.functions = [replace(wanted.get(each.number, each), mac=each.mac) for each in device.functions]

    def set_group(self, ifindex: int, group: int) -> None:
        """Put it in a group."""
        with self._call("set_group"):
            self._device(ifindex).group = group

    def add_neighbour(self, ifindex: int, neighbour: Neighbour) -> None:
        """Add or replace a permanent neighbour."""
        with self._call("add_neighbour"):
            device = self._device(ifindex)
            normal = Neighbour(address=str(ip_address(neighbour.address)), mac=neighbour.mac.lower().replace("-", ":"))
            device.neighbours = [there for there in device.neighbours if there.address != normal.address]
            device.neighbours.append(normal)

    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""
        with self._call("rules"):
            return tuple(self._net.rules)

    def add_rule(self, rule: Rule) -> None:
        """Add a rule behind those of its priority."""
        with self._call("add_rule"):
            wanted = _normal(rule)
            if all(replace(there, protocol=0) != replace(wanted, protocol=0) for there in self._net.rules):
                self._net.rules = sorted([*self._net.rules, wanted], key=lambda each: (each.family, each.priority))

    def remove_rule(self, rule: Rule) -> None:
        """Remove a rule."""
        with self._call("remove_rule"):
            unwanted = replace(_normal(rule), protocol=0)
            self._net.rules = [there for there in self._net.rules if replace(there, protocol=0) != unwanted]

    def join_vrf(self, ifindex: int, name: str, table: int) -> None:
        """Make the link a port of a VRF, made if it is missing."""
        with self._call("join_vrf"):
            device = self._device(ifindex)
            vrf = self._net.named(name) or self._new_vrf(name, table)
            if vrf.table != table:
                raise Failure(Code.CONFLICT, f"VRF {name}", f"is no VRF of table {table}")
            vrf.change(up=True, operstate="up")
            device.change(master=vrf.ifindex)

    def leave_master(self, ifindex: int) -> None:
        """Be a port of nothing."""
        with self._call("leave_master"):
            self._device(ifindex).change(master=None)

    def sysctls(self, ifindex: int, names: tuple[str, ...]) -> tuple[Sysctl, ...]:
        """Those of the names that the model has."""
        with self._call("sysctls"):
            there = self._device(ifindex).sysctls
            return tuple(Sysctl(name=name, value=there[name]) for name in names if _is_valid(name) and name in there)

    def set_sysctl(self, ifindex: int, sysctl: Sysctl) -> None:
        """Set one that the model has, to a number."""
        with self._call("set_sysctl"):
            there = self._device(ifindex).sysctls
            if not _is_valid(sysctl.name) or sysctl.name not in there:
                raise Failure(Code.NOT_FOUND, f"sysctl {sysctl.name}", "this kernel does not have it")
            if not re.fullmatch(r"-?[0-9]+", sysctl.value):
                raise Failure(Code.INVALID, f"sysctl {sysctl.name}", f"does not take {sysctl.value!r}")
            there[sysctl.name] = sysctl.value

    def announce(self, ifindex: int) -> None:
        """Note that it was done."""
        with self._call("announce"):
            self._net.announced.append(self._device(ifindex).link.name)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        if not self._open:
            raise Failure(Code.INTERNAL, f"namespace {self._net.cookie}", "used after it was closed")
        with self._calls.call(name):
            yield

    def _device(self, ifindex: int) -> Device:
        if ifindex not in self._net.devices:
            raise Failure(Code.NOT_FOUND, f"interface #{ifindex}", "not in this namespace")
        return self._net.devices[ifindex]

    def _new_vrf(self, name: str, table: int) -> Device:
        index = max(self._net.devices) + 1
        link = Link(identity=Identity(ifindex=index, link_kind="vrf"), name=name, mac="", mtu=65575, up=True)
        made = Device(link, virtual=True, table=table)
        self._net.devices[index] = made
        return made


def _with(device: Device, wish: Queueing) -> Queueing:
    now = device.queueing
    handles = {each.parent: each for each in now.queues}
    for each in wish.queues:
        if handles.get(each.parent, each) != each:
            raise refused(device, f"traffic control: {each}: File exists")
    return Queueing(
        queues=tuple(dict.fromkeys((*now.queues, *wish.queues))),
        classes=tuple(dict.fromkeys((*now.classes, *wish.classes))),
        filters=tuple(dict.fromkeys((*now.filters, *wish.filters))),
    )


def _is_valid(name: str) -> bool:
    if not SYSCTL.fullmatch(name):
        raise Failure(Code.INVALID, f"sysctl {name!r}", "is not one of ipv4 or ipv6")
    return True


def _normal(rule: Rule) -> Rule:
    source, destination = (
        str(ip_network(prefix, strict=False)) if prefix else None for prefix in (rule.source, rule.destination)
    )
    mask = (rule.fwmask or 0xFFFFFFFF) if rule.fwmark else rule.fwmask
    return replace(rule, source=source, destination=destination, fwmask=mask, protocol=rule.protocol or 4)
