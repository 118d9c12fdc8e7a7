"""Offloads and eBPF programs of the host over a pod's life, on a real kernel: what the pod gets, what the host gets back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.bpf.control import BpfPrograms
from adapters.netlink.namespace import NetlinkNamespace
from ports.devices import LinkFacts, Offloads, Switch
from ports.errors import Failure
from ports.kernel import Namespace
from ports.plan import DevicePlan, RemovePrograms, SetOffloads, SetUp, Step
from tests.contracts.dataplane.contract import call, facts, sandbox
from tests.contracts.programs.contract import HOOKS
from tests.contracts.programs.real import plant
from tests.dataplane.real_bench import RealBench
from tests.support import bpf
from tests.support.eventually import eventually
from tests.support.plans import claim_ref, device_plan, plan
from tests.support.private_net import delete_link

pytestmark = pytest.mark.netns
OFF = Offloads(features=(Switch(name="tx-checksum-ip-generic", on=False), Switch(name="tx-nocache-copy", on=True)))
BEFORE = Offloads(features=tuple(replace(switch, on=not switch.on) for switch in OFF.features))
SWITCHING = SetOffloads(offloads=OFF, before=BEFORE)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealBench]:
    """A worker over the real kernel."""
    bench = RealBench(tmp_path)
    yield bench
    bench.close()


def _attach(real: RealBench, *steps: Step) -> tuple[Namespace, int]:
    """The first device in a pod, with these steps before it goes up; the pod's namespace and the index in it."""
    (found,) = real.dataplane.inspect(real.devices[:1], call(real))
    wanted = _with_steps(device_plan(found), steps)
    real.dataplane.prepare(replace(plan(found), devices=(wanted,)), call(real))
    real.dataplane.attach(sandbox(real), call(real))
    pod = real.kernel.open(real.netns("sandbox-1"))
    link = pod.find("net1")
    assert link is not None
    return pod, link.identity.ifindex


def _with_steps(device: DevicePlan, steps: tuple[Step, ...]) -> DevicePlan:
    at = device.steps.index(SetUp())
    return replace(device, steps=(*device.steps[:at], *steps, *device.steps[at:]))


def _detach(real: RealBench) -> None:
    assert real.dataplane.detach(sandbox(real), call(real)).lost == ()


def test_offloads_are_switched_in_the_pod_and_come_back(real: RealBench) -> None:
    before = facts(real)
    pod, index = _attach(real, SWITCHING)
    states = {switch.name: switch.on for switch in real.machine.offloads.read(pod, index).features}
    assert {name: states[name] for name in ("tx-checksum-ip-generic", "tx-nocache-copy")} == {
        "tx-checksum-ip-generic": False,
        "tx-nocache-copy": True,
    }
    assert not states["tx-tcp-segmentation"]
    pod.close()
    _detach(real)
    assert facts(real) == before


def test_offloads_that_the_pod_switches_come_back(real: RealBench) -> None:
    before = facts(real)
    pod, index = _attach(real)
    wish = tuple(replace(switch, on=False) for switch in before[0].offloads.features)
    real.machine.offloads.write(pod, index, Offloads(features=wish))
    pod.close()
    _detach(real)
    assert facts(real) == before


def test_a_feature_that_cannot_be_leaves_the_host_as_it_was(real: RealBench) -> None:
    before = facts(real)
    contradiction = Offloads(features=(OFF.features[0], Switch(name="tx-tcp-segmentation", on=True)))
    with pytest.raises(Failure, match="tx-tcp-segmentation on"):
        _attach(real, SetOffloads(offloads=contradiction, before=BEFORE))
    assert facts(real) == before


if bpf.allowed():

    @pytest.fixture
    def before(real: RealBench) -> tuple[LinkFacts, ...]:
        """What the host has, with a program in each hook of the first device."""
        for hook in HOOKS:
            plant(real.kernel.host, real.devices[0].ifindex, hook, "of_the_host")
        found = facts(real)
        assert len(found[0].programs) == len(HOOKS)
        return found

    @pytest.mark.parametrize("steps", [(), (RemovePrograms(),)], ids=["kept", "removed"])
    def test_the_host_gets_its_programs_back_and_none_of_the_pods(
        real: RealBench, before: tuple[LinkFacts, ...], steps: tuple[Step, ...]
    ) -> None:
        pod, index = _attach(real, *steps)
        lasting = tuple(one for one in before[0].programs if not one.hook.startswith("tc-"))
        assert real.machine.programs.attached(pod, index) == (() if steps else lasting)
        real.machine.programs.detach(pod, index)
        for hook in HOOKS:
            plant(pod, index, hook, "of_the_pod")
        pod.close()
        _detach(real)
        assert facts(real) == before
        assert real.machine.programs.held() == frozenset()

    def test_attach_and_detach_leave_no_descriptor_of_a_program(real: RealBench, before: tuple[LinkFacts, ...]) -> None:
        pod, _index = _attach(real, RemovePrograms())
        pod.close()
        _detach(real)
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            real.dataplane.attach(sandbox(real), call(real))
            _detach(real)
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert facts(real) == before

    def test_programs_that_ended_meanwhile_are_told_of_and_keep_nothing_else_from_coming_back(
        real: RealBench, before: tuple[LinkFacts, ...], caplog: pytest.LogCaptureFixture
    ) -> None:
        pod, _index = _attach(real, SWITCHING, RemovePrograms())
        pod.close()
        _forget_held(real)
        eventually(lambda: not any(bpf.alive(program.id) for program in before[0].programs))
        _detach(real)
        assert facts(real)[0] == replace(before[0], programs=())
        assert caplog.text.count("cannot be put back") == len(HOOKS)

    def test_programs_of_an_interface_that_never_comes_back_are_let_go_with_the_claim(
        real: RealBench, before: tuple[LinkFacts, ...]
    ) -> None:
        pod, index = _attach(real)
        assert isinstance(pod, NetlinkNamespace)
        delete_link(pod, index)
        pod.close()
        assert real.dataplane.detach(sandbox(real), call(real)).lost
        assert len(real.machine.programs.held()) == 1
        assert all(bpf.alive(program.id) for program in before[0].programs)
        real.dataplane.unprepare(claim_ref().uid, call(real))
        assert real.machine.programs.held() == frozenset()
        eventually(lambda: not any(bpf.alive(program.id) for program in before[0].programs))

    @pytest.mark.parametrize("seed", range(8))
    def test_whatever_the_host_had_and_the_pod_did_the_host_has_it_again(real: RealBench, seed: int) -> None:
        dice, index = random.Random(seed), real.devices[0].ifindex
        for number, hook in enumerate(_some_hooks(dice)):
            plant(real.kernel.host, index, hook, f"host_{number}")
        before = facts(real)
        _tamper(real, dice, *_attach(real, *dice.choice([(), (RemovePrograms(),), (SWITCHING, RemovePrograms())])))
        _detach(real)
        assert facts(real) == before

    def _some_hooks(dice: random.Random) -> list[str]:
        """Any number of programs in each hook but XDP's, which takes one."""
        many = dice.choices([hook for hook in HOOKS if hook != "xdp"], k=dice.randrange(6))
        return [*many, *dice.choice([[], ["xdp"]])]

    def _tamper(real: RealBench, dice: random.Random, pod: Namespace, index: int) -> None:
        there = real.machine.programs.attached(pod, index)
        real.machine.programs.detach(pod, index, tuple(program for program in there if dice.random() < 0.5))
        free = not any(program.hook == "xdp" for program in real.machine.programs.attached(pod, index))
        for hook in _some_hooks(dice):
            if hook != "xdp" or free:
                plant(pod, index, hook, "of_the_pod")
        now = real.machine.offloads.read(pod, index).features
        for switch in dice.sample(now, 4):
            with suppress(Failure):  # one that another feature holds back
                wish = Offloads(features=(replace(switch, on=not switch.on),))
                real.machine.offloads.write(pod, index, wish)
        pod.close()

    def _forget_held(real: RealBench) -> None:
        """As a process does that ends, without a bpf file system."""
        programs = real.machine.programs
        assert isinstance(programs, BpfPrograms)
        programs.close()
