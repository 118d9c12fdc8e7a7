"""What the guest's kernels themselves can do with RDMA: what the tests of the RDMA steps stand on."""

from __future__ import annotations

import pytest

from tests.support.eventually import eventually
from tests.vm.scenarios import rdma
from tests.vm.scenarios.pods import Pod, pod

pytestmark = pytest.mark.vm


def test_a_stock_kernel_shows_every_namespace_all_rdma_devices() -> None:
    with rdma.rxe("rxe0", "enp65s0"), pod() as one:
        assert "netns shared" in rdma.run("rdma", "system")
        assert rdma.devices() == rdma.devices(one.path) == {"rxe0"}


@pytest.mark.movable_rdma
def test_devices_moved_into_two_pods_carry_traffic_between_them() -> None:
    rdma.make_exclusive()
    with rdma.rxe("rxa", "enp65s0"), rdma.rxe("rxb", "enp129s0"):
        with pod() as one, pod() as two:
            ends = (_given(one, "rxa", "enp65s0", 1), _given(two, "rxb", "enp129s0", 2))
            assert (rdma.devices(), rdma.devices(one.path), rdma.devices(two.path)) == (set(), {"rxa"}, {"rxb"})
            rdma.rping(*ends)
            rdma.send(*ends)
        eventually(lambda: rdma.devices() == {"rxa", "rxb"}, seconds=60)


def _given(into: Pod, device: str, card: str, number: int) -> rdma.End:
    rdma.run("rdma", "dev", "set", device, "netns", into.name)
    into.take(card, f"192.0.2.{number}/24")
    return rdma.End(netns=into.path, device=device, address=f"192.0.2.{number}")
