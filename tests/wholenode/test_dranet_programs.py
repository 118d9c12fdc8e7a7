"""What users of DRANET see of eBPF programs on their interfaces."""

from __future__ import annotations

import pytest

from adapters.bpf.control import BpfPrograms
from tests.contracts.programs.real import plant
from tests.support import bpf
from tests.support.eventually import eventually
from tests.wholenode.cases import PATIENCE, Cases, Pod

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(not bpf.allowed(), reason="bpf(2) needs the initial user namespace"),
]


def shown(node: Cases, card: str) -> tuple[object, object, object]:
    """What is published of a card's programs."""
    name = node.device(card)
    device = node.devices()[name]
    return device.get("ebpf"), device.get("tcFilterNames"), device.get("tcxProgramNames")


def hooks(pod: Pod, name: str) -> set[str]:
    """Where the interface has programs in the pod."""
    return {program.hook for program in BpfPrograms().attached(pod.namespace, pod.index(name))}


def test_a_filter_of_tc_is_published(shared: Cases) -> None:
    with shared.cards("filter0") as (index,):
        plant(shared.host, index, "tc-ingress", "classifier", b"clsact")
        shared.host.set_up(index, True)
        eventually(lambda: shown(shared, "filter0") == (True, "classifier", None), PATIENCE)


def test_a_program_of_tcx_is_published(shared: Cases) -> None:
    with shared.cards("tcx0") as (index,):
        plant(shared.host, index, "tcx-ingress", "handle_ingress")
        shared.host.set_up(index, True)
        eventually(lambda: shown(shared, "tcx0") == (True, None, "handle_ingress"), PATIENCE)


def test_none_is_left_in_the_pod_where_that_is_wished(shared: Cases) -> None:
    with shared.cards("bare0") as (index,):
        plant(shared.host, index, "tc-ingress", "classifier", b"clsact")
        plant(shared.host, index, "tcx-ingress", "handle_ingress")
        before = {program.hook for program in BpfPrograms().attached(shared.host, index)}
        assert before == {"tc-ingress", "tcx-ingress"}
        with shared.running({"bare0": {"interface": {"name": "net1", "disableEbpfPrograms": True}}}) as pod:
            assert hooks(pod, "net1") == set()
        home = shared.index("bare0")
        assert {program.hook for program in BpfPrograms().attached(shared.host, home)} == before
