"""The real kernel keeps the contract of programs, and the promises that only it can break.

All of this needs bpf(2), which a user namespace does not give; there these tests do not exist (see test_processes).
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.bpf import syscall
from adapters.bpf.filters import FilterHooks
from adapters.bpf.hooks import Hook
from adapters.bpf.multi import MultiHooks
from adapters.bpf.syscall import Entry
from adapters.bpf.xdp import XdpHooks
from adapters.talk.conversation import Talk
from adapters.talk.inside import inside
from ports.errors import Code, Failure
from tests.contracts.programs.contract import HOOKS, ProgramContract, World
from tests.contracts.programs.real import RealProgramWorld
from tests.support import bpf

pytestmark = pytest.mark.netns


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RealProgramWorld]:
    made = RealProgramWorld(tmp_path)
    yield made
    made.close()


if bpf.allowed():

    class TestBpfPrograms(ProgramContract):
        @pytest.fixture
        def world(self, world: RealProgramWorld) -> World:
            return world

    def test_no_descriptor_and_no_thread_is_left(world: RealProgramWorld) -> None:
        index = world.add_link("net7").identity.ifindex
        for hook in HOOKS:
            world.plant(world.host, index, hook, "one")
        before = world.programs.attached(world.host, index)
        descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
        for number in range(10):
            world.programs.hold(f"claim-{number}", before)
            world.programs.detach(world.host, index)
            world.programs.attach(world.host, index, before)
            world.programs.hold("all-along", before)
            world.programs.release(f"claim-{number}")
        assert len(os.listdir("/proc/self/fd")) == descriptors + len(before)
        world.programs.close()
        assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (descriptors, threads)
        assert world.programs.attached(world.host, index) == before

    def test_an_xdp_link_that_could_be_another_namespaces_is_left_alone(world: RealProgramWorld) -> None:
        """BPF links tell the index of their interface, but not the namespace that it is in."""
        pod = world.kernel.open(world.add_namespace())
        index = world.host.move(world.add_link("net7").identity.ifindex, pod, "net1").identity.ifindex
        world.add_link("net8", index)
        program = world.plant_by_link(pod, index, "xdp", "shared")
        world.link_again(world.host, index, program)
        with pytest.raises(Failure, match="2 BPF links") as caught:
            world.programs.detach(world.host, index)
        assert caught.value.code is Code.KERNEL
        assert [one.id for one in world.programs.attached(world.host, index)] == [program]
        assert [one.id for one in world.programs.attached(pod, index)] == [program]
        pod.close()

    def test_a_kernel_without_tcx_and_netkit_has_none(world: RealProgramWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        index = world.add_link("net7").identity.ifindex
        world.plant(world.host, index, "xdp", "one")

        def refuse(_ifindex: int, _attach_type: int) -> tuple[Entry, ...]:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(syscall, "query", refuse)
        before = world.programs.attached(world.host, index)
        assert [program.hook for program in before] == ["xdp"]
        assert world.programs.detach(world.host, index) == before

    def test_a_program_that_somebody_else_takes_off_meanwhile_is_a_success(world: RealProgramWorld) -> None:
        index = world.add_link("net7").identity.ifindex
        for hook in HOOKS:
            world.plant(world.host, index, hook, "one")
        seen = world.programs.attached(world.host, index)
        world.programs.detach(world.host, index)

        def remove_again() -> None:
            with Talk(0, 10) as talk:
                hooks: tuple[Hook, ...] = (
                    XdpHooks(talk, index),
                    FilterHooks(talk, index),
                    MultiHooks(index, lenient=False),
                )
                for program, hook in zip(seen, (hooks[0], hooks[1], hooks[1], hooks[2], hooks[2]), strict=True):
                    hook.remove(program)

        inside(world.host.fileno(), 10, "removing", remove_again)
        assert world.programs.attached(world.host, index) == ()

    def test_the_legacy_ingress_qdisc_has_its_filters_once(world: RealProgramWorld) -> None:
        index = world.add_link("net7").identity.ifindex
        world.plant(world.host, index, "tc-ingress", "one", qdisc=b"ingress")
        (found,) = world.programs.attached(world.host, index)
        assert found.hook == "tc-ingress"
        assert world.programs.detach(world.host, index) == (found,)

    def test_a_hook_for_egress_where_only_the_ingress_qdisc_is_cannot_be_put_back(world: RealProgramWorld) -> None:
        index, other = (world.add_link(name).identity.ifindex for name in ("net7", "net8"))
        world.plant(world.host, index, "tc-egress", "one")
        world.plant(world.host, other, "tc-ingress", "two", qdisc=b"ingress")
        wanted = world.programs.attached(world.host, index)
        assert world.programs.attach(world.host, other, wanted) == wanted
