"""One look at a machine, through the same code that the watcher and the publisher use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.cel.filter import Filter
from adapters.manifests.nodefile import NodeFile
from agent.domain.discovery import why_not
from agent.domain.discovery.configured import configured
from agent.domain.sight import Sight, devices
from agent.host import opened, seen
from agent.services.looking import Looking
from ports.devices import AttributeValue, Device
from ports.errors import Code, Failure
from ports.hardware import Hardware
from ports.nodeconfig import NodeConfig
from ports.options import (
    DRIVER,
    FILTER,
    LLDP_FILE,
    MOVE_IB_INTERFACES,
    NEEDED_ADDRESSES,
    NODE_CONFIG,
    SYSFS_ROOT,
    needed,
    parser,
)

OPTIONS = (DRIVER, FILTER, NODE_CONFIG, SYSFS_ROOT, LLDP_FILE, NEEDED_ADDRESSES, MOVE_IB_INTERFACES)
COPIED = "read from files alone: addresses, routes and programs are not in them, so the node's own connection is not left out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """``published`` are the devices that classes can select, ``others`` the interfaces that are none, with the reason.

    ``functions`` is all that is plugged in, ``places`` the PCI addresses of interfaces by name.
    """

    published: tuple[Device, ...]
    others: tuple[tuple[str, str], ...]
    functions: tuple[Hardware, ...]
    places: Mapping[str, str]


def arguments(prog: str, about: str, choices: tuple[str, ...], argv: list[str] | None) -> argparse.Namespace:
    """The flags of a command that shows something; ``choices`` are its forms of output, the first its default."""
    made = parser(prog, about, OPTIONS, os.environ)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument(
        "-o", "--output", choices=choices, default=choices[0], help=f"form of the output [default {choices[0]}]"
    )
    return made.parse_args(argv)


def looked(chosen: argparse.Namespace) -> Looked:
    """Look at the machine that the flags mean. Failure: it, the filter or the node's configuration cannot be read."""
    keeps, config = Filter(chosen.filter).keeps, _config(chosen.node_config, chosen.driver_name)
    if not os.path.isdir(os.path.join(chosen.sysfs_root, "class/net")):
        raise Failure(Code.NOT_FOUND, chosen.sysfs_root, "is no sysfs", "it has a directory class/net")
    with opened(chosen.sysfs_root, chosen.lldp_file, needed(chosen, os.environ)) as host:
        interfaces, rdma = seen(host.interfaces, host.rdma, chosen.move_ib_interfaces == "true")
        sight = Looking(interfaces, host.hardware, rdma).everywhere()
        functions = host.functions.functions()
        if not host.live:
            print(f"note: {COPIED}", file=sys.stderr)
    found = devices(sight, chosen.driver_name)
    mine = {device.name: device for device in configured(found, config, chosen.driver_name)}
    hidden = {name: reason for name, device in mine.items() if (reason := _hidden(keeps, device))}
    published = tuple(device for name, device in mine.items() if name not in hidden)
    names = {device.name for device in published}
    left = [_left_out(device, hidden) for device in found if device.name not in names]
    return Looked(
        published=published,
        others=tuple(sorted((*_never(sight), *left))),
        functions=functions,
        places={link.name: _place(sight, index) for index, link in sight.links.items()},
    )


def said(text: str) -> None:
    """Print it; a reader that has had enough (``| head``) is no error.

    Names may hold what a terminal takes for commands; that is not passed on.
    """
    shown = "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
    try:
        sys.stdout.write(shown)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left must not fail at the end again


def _config(path: str, driver: str) -> NodeConfig:
    file = NodeFile(path, driver)
    if file.config is None or file.problem:
        raise Failure(Code.INVALID, "node configuration", file.problem or f"{path} cannot be read")
    return file.config


def _hidden(keeps: Callable[[Mapping[str, AttributeValue]], bool], device: Device) -> str:
    """Why the filter hides the device; empty when it does not."""
    try:
        return "" if keeps(device.attributes) else "hidden by --filter"
    except Failure as failure:
        return f"hidden by --filter, which fails for it: {failure.detail}"


def _left_out(device: Device, hidden: Mapping[str, str]) -> tuple[str, str]:
    return device.interface or device.name, hidden.get(device.name, "not selected by the node configuration")


def _never(sight: Sight) -> list[tuple[str, str]]:
    """The interfaces that no setting makes a device of."""
    reasons = (
        (link.name, sight.uplinks.get(index) or why_not(link, sight.hardware.get(index), ()))
        for index, link in sight.links.items()
    )
    return [(name.encode("utf-8", "replace").decode(), reason) for name, reason in reasons if reason]


def _place(sight: Sight, index: int) -> str:
    facts = sight.hardware.get(index)
    return (facts.pci_address if facts else None) or sight.links[index].identity.pci_address or ""
