"""What a container gets of its claims' RDMA devices, and when it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.services.rdma import RdmaFiles
from ports.devices import DeviceNode, Identity, LinkFacts, RdmaLimits, rdma_only
from ports.errors import Code, Failure
from ports.gate import marker
from ports.inbound import Adjustment, Container
from ports.ledger import Phase, PodRecord
from ports.plan import ClaimRef, DevicePlan, Plan
from ports.results import AttachedDevice
from tests.services.node import FixedCgroups, FixedFiles, Node
from tests.support.plans import claim_ref, pod_ref

CM = DeviceNode(path="/dev/infiniband/rdma_cm", type="c", major=10, minor=122)
V2, V1 = FixedCgroups("cpu", "memory", "pids", "rdma"), FixedCgroups()
NICS, FABRIC = claim_ref("nics"), claim_ref("fabric", uid="0c1a1000-0000-4000-8000-00000000fab1")


def verbs(number: int) -> DeviceNode:
    return DeviceNode(path=f"/dev/infiniband/uverbs{number}", type="c", major=231, minor=192 + number)


def device(claim: ClaimRef, number: int, *rdma: str) -> AttachedDevice:
    nodes = (CM, verbs(number)) if rdma else ()
    return AttachedDevice(
        claim=claim,
        request="nic",
        pool="node",
        device=f"d{number}",
        interface=f"net{number}",
        mac="",
        addresses=(),
        rdma=rdma,
        nodes=nodes,
    )


def record(*devices: AttachedDevice) -> PodRecord:
    return PodRecord(pod=pod_ref(), plans=(), phase=Phase.ATTACHED, devices=devices)


def limited(made: PodRecord, limits: dict[ClaimRef, RdmaLimits]) -> PodRecord:
    """The record with plans of its devices, in which these claims ask for limits."""
    plans = tuple(
        Plan(
            claim=each.claim,
            pod=made.pod,
            devices=(
                DevicePlan(
                    request=each.request,
                    pool=each.pool,
                    device=each.device,
                    before=LinkFacts(link=rdma_only(Identity(ifindex=0))),
                    steps=(),
                    rdma_limits=limits.get(each.claim, RdmaLimits()),
                ),
            ),
        )
        for each in made.devices
    )
    return replace(made, plans=plans)


def container(*claims: ClaimRef) -> Container:
    env = ("PATH=/bin", *(f"{marker(claim.uid)}=net1" for claim in claims))
    return Container(id="c1", sandbox_id="s1", name="app", env=env)


@pytest.fixture
def files() -> FixedFiles:
    made = FixedFiles()
    made.known = {"mlx5_0": (CM, verbs(0)), "mlx5_1": (CM, verbs(1))}
    return made


BOTH = record(device(NICS, 0, "mlx5_0"), device(FABRIC, 1, "mlx5_1"))


def test_with_cdi_a_container_of_the_claim_may_lock_memory_and_has_its_files_from_the_runtime(
    files: FixedFiles,
) -> None:
    given = RdmaFiles(files=files, cgroups=V2, by_cdi=True).adjustment(BOTH, container(NICS))
    assert given == Adjustment(locked_memory=True)


def test_with_cdi_a_container_that_lists_no_claim_gets_nothing(files: FixedFiles) -> None:
    assert RdmaFiles(files=files, cgroups=V2, by_cdi=True).adjustment(BOTH, container()) == Adjustment()


def test_a_claim_without_rdma_gives_nothing(files: FixedFiles) -> None:
    plain = record(device(NICS, 0))
    for by_cdi in (True, False):
        assert RdmaFiles(files=files, cgroups=V2, by_cdi=by_cdi).adjustment(plain, container(NICS)) == Adjustment()


def test_without_cdi_every_container_gets_the_files_of_all_claims_each_once(files: FixedFiles) -> None:
    given = RdmaFiles(files=files, cgroups=V2, by_cdi=False).adjustment(BOTH, container())
    assert given == Adjustment(devices=(CM, verbs(0), verbs(1)), locked_memory=True)


@pytest.mark.parametrize("by_cdi", [True, False])
@pytest.mark.parametrize(
    "now", [(), (CM, verbs(7)), (CM, replace(verbs(0), minor=250)), (CM, replace(verbs(0), type="b"))]
)
def test_a_file_that_is_another_devices_by_now_refuses_the_container(
    files: FixedFiles, by_cdi: bool, now: tuple[DeviceNode, ...]
) -> None:
    files.known["mlx5_0"] = now
    with pytest.raises(Failure, match=r"uverbs0.*mlx5_0") as caught:
        RdmaFiles(files=files, cgroups=V2, by_cdi=by_cdi).adjustment(BOTH, container(NICS))
    assert caught.value.code is Code.CONFLICT


def test_what_became_of_another_claims_device_does_not_matter(files: FixedFiles) -> None:
    del files.known["mlx5_1"]
    assert RdmaFiles(files=files, cgroups=V2, by_cdi=True).adjustment(BOTH, container(NICS)).locked_memory


def test_limits_are_those_of_the_claims_that_the_container_lists(files: FixedFiles) -> None:
    both = limited(BOTH, {NICS: RdmaLimits(handles=2, objects=2000), FABRIC: RdmaLimits(objects=7)})
    given = RdmaFiles(files=files, cgroups=V2, by_cdi=True)
    assert given.adjustment(both, container(NICS)).unified == {"rdma.max": "mlx5_0 hca_handle=2 hca_object=2000"}
    assert given.adjustment(both, container(FABRIC)).unified == {"rdma.max": "mlx5_1 hca_object=7"}
    lines = {"rdma.max": "mlx5_0 hca_handle=2 hca_object=2000\nmlx5_1 hca_object=7"}
    assert given.adjustment(both, container(NICS, FABRIC)).unified == lines
    assert given.adjustment(both, container()) == Adjustment()


def test_without_cdi_every_container_has_the_limits_of_all_claims(files: FixedFiles) -> None:
    both = limited(BOTH, {NICS: RdmaLimits(handles=2)})
    given = RdmaFiles(files=files, cgroups=V2, by_cdi=False).adjustment(both, container())
    assert given.unified == {"rdma.max": "mlx5_0 hca_handle=2"}


def test_every_rdma_device_of_a_device_has_its_limits(files: FixedFiles) -> None:
    files.known["mlx5_1"] = files.known["mlx5_0"]
    pair = limited(record(device(NICS, 0, "mlx5_0", "mlx5_1")), {NICS: RdmaLimits(handles=2)})
    given = RdmaFiles(files=files, cgroups=V2, by_cdi=True).adjustment(pair, container(NICS))
    assert given.unified == {"rdma.max": "mlx5_0 hca_handle=2\nmlx5_1 hca_handle=2"}


def test_a_limit_that_the_node_cannot_set_refuses_the_container_that_asks_for_it_and_no_other(
    files: FixedFiles,
) -> None:
    both = limited(BOTH, {NICS: RdmaLimits(handles=2)})
    given = RdmaFiles(files=files, cgroups=V1, by_cdi=True)
    with pytest.raises(Failure, match=r"web: claim apps/nics: rdma\.maxHandles.*take them out") as caught:
        given.adjustment(both, container(NICS, FABRIC))
    assert caught.value.code is Code.REFUSED
    assert given.adjustment(both, container(FABRIC)) == Adjustment(locked_memory=True)


def test_the_hook_answers_with_it_and_refuses_before_the_container_counts_as_started() -> None:
    node = Node()
    made = node.prepare(3)
    box = node.sandbox()
    node.run(box)
    found = node.ledger.read(made.pod.uid)
    assert found is not None
    nodes = (CM, verbs(0))
    devices = tuple(replace(each, rdma=("mlx5_0",), nodes=nodes) for each in found.devices)
    node.ledger.write(replace(found, devices=devices))
    mine = replace(container(made.claim), sandbox_id=box.id)
    with pytest.raises(Failure):
        node.hooks.create_container(box, mine, node.clock.monotonic() + 2)
    node.files.known["mlx5_0"] = nodes
    assert node.hooks.create_container(box, mine, node.clock.monotonic() + 2) == Adjustment(locked_memory=True)
