"""Whose RDMA device is whose interface's, for the inventory: by netlink, else by sysfs if that shows this namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.rdma.control import NetlinkRdma
from adapters.rdma.socket import Talk
from ports.devices import Link
from tests.rdma.kernel_end import Card, RdmaKernel
from tests.watch.trees import a_link


def owner(root: Path, card: Card, *links: Link) -> int | None:
    here = {link.identity.ifindex: link for link in links}
    [found] = NetlinkRdma(str(root))._devices(Talk(RdmaKernel(card), 1.0), here)
    return found.interface


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sysfs in which rxe0 names ens1 as its parent."""
    for path, content in (("class/infiniband/rxe0/parent", "ens1"), ("class/net/ens1/ifindex", "7")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"{content}\n")
    return tmp_path


def test_the_kernels_own_pairing_counts(root: Path) -> None:
    card = Card(name="rxe0", index=0, interfaces=(9,))
    assert owner(root, card, a_link("ens1", 7), a_link("ens2", 9)) == 9


def test_where_the_kernel_tells_none_sysfs_does(root: Path) -> None:
    card = Card(name="rxe0", index=0, interfaces=(None,))
    assert owner(root, card, a_link("ens2", 6), a_link("ens1", 7)) == 7


def test_an_interface_of_another_namespace_is_not_believed(root: Path) -> None:
    card = Card(name="rxe0", index=0, interfaces=(None,))
    assert owner(root, card, a_link("ens1", 8)) is None
    assert owner(root, card, a_link("other", 7)) is None
