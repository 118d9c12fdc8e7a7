"""Ids and driver of a function, from three files."""

from __future__ import annotations

import os

from adapters.sysfs.identity import SysfsIdentity
from ports.hardware import PciFacts
from tests.watch.trees import Tree

PLACE = "pci0000:3a/0000:3a:00.0/0000:3b:00.1"


def test_ids_and_driver_of_a_function(tree: Tree) -> None:
    tree.bus_device("pci", PLACE, vendor="0x15b3", device="0x101D")
    os.symlink("../../bus/pci/drivers/mlx5_core", tree.root / "devices" / PLACE / "driver")
    found = SysfsIdentity(str(tree.root)).identity("0000:3b:00.1")
    assert found == PciFacts(vendor="15b3", device="101d", driver="mlx5_core")


def test_a_function_that_is_not_there_has_none(tree: Tree) -> None:
    assert SysfsIdentity(str(tree.root)).identity("0000:ff:00.0") == PciFacts()
