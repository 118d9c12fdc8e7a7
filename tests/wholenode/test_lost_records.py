"""Records that nobody can read, on a running node: made anew from the version before, the kernel or the claim."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ports.gate import cdi_device_id
from ports.options import DEFAULT_DRIVER
from ports.plan import PodRef
from tests.support.eventually import eventually
from tests.wholenode.cases import PATIENCE, Cases

pytestmark = pytest.mark.netns
POD = PodRef(namespace="team", name="lost", uid="lost-uid")

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda good: good[: len(good) // 2],
    "of another schema": lambda good: good.replace(b'"schema": 1', b'"schema": 99'),
}


def files(node: Cases, uid: str) -> list[Path]:
    """The record, and the version before it where there is one."""
    return sorted(Path(node.places.ledger).glob(f"{uid}.json*"))


def damage(paths: list[Path], how: Callable[[bytes], bytes]) -> None:
    for path in paths:
        path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_pod_that_is_attached_keeps_its_interface_and_the_host_gets_it_back(
    shared: Cases, how: Callable[[bytes], bytes]
) -> None:
    with shared.cards("worn0"):
        shared.address("worn0", "192.0.2.5/24")
        before = shared.host.facts(shared.index("worn0"))
        with shared.running({"worn0": None}) as pod:
            damage(files(shared, pod.ref.uid)[:1], how)
            gate = (cdi_device_id(DEFAULT_DRIVER, pod.claim.uid),)
            assert "cannot be read" in shared.container(pod.sandbox, gate)
            eventually(lambda: not shared.container(pod.sandbox, gate), PATIENCE)
            assert pod.addresses("worn0") == {"192.0.2.5/24"}
        assert shared.host.facts(shared.index("worn0")) == before


def test_a_pod_that_waits_for_its_sandbox_is_prepared_anew_from_its_claim(shared: Cases) -> None:
    with shared.cards("anew0"), ExitStack() as stack:
        claim = shared.claimed(POD, {"anew0": {"interface": {"name": "net1"}}})
        (answer,) = shared.kubelet.prepare(DEFAULT_DRIVER, (claim,))
        gate = answer.devices[0].cdi_device_ids
        damage(files(shared, POD.uid), DAMAGES["torn"])
        path, namespace = shared.network(stack)
        sandbox = shared.runtime.run_pod_sandbox(POD, path).sandbox
        assert "unresolvable CDI devices" in shared.container(sandbox, gate)
        eventually(lambda: not shared.container(sandbox, gate), 2 * PATIENCE)
        assert namespace.find("net1") is not None
        assert [path.stem for path in (Path(shared.places.ledger) / "quarantine").iterdir()] != []
        shared.runtime.remove_pod_sandbox(sandbox)
        shared.kubelet.unprepare(DEFAULT_DRIVER, (claim,))
