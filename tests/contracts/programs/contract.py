"""What every implementation of ``ports.controls.ProgramControl`` does, the model and the real one alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import pytest

from ports.controls import ProgramControl
from ports.devices import Link, Program
from ports.errors import Code, Failure
from ports.kernel import Kernel, Namespace

HOOKS = ("xdp", "tc-ingress", "tc-egress", "tcx-ingress", "tcx-egress")
LASTING = ("xdp", "tcx-ingress", "tcx-egress")
ABSENT = 99999


class World(Protocol):
    """What a test arranges."""

    @property
    def kernel(self) -> Kernel:
        """The kernel that the links are in."""
        ...

    @property
    def programs(self) -> ProgramControl:
        """The control under test."""
        ...

    def add_link(self, name: str, ifindex: int | None = None) -> Link:
        """A veth in the host."""
        ...

    def add_namespace(self) -> str:
        """A new empty namespace; its path."""
        ...

    def plant(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        """Attach a new program, that nothing else refers to, after those that are there; its id."""
        ...

    def plant_by_link(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        """The same by a BPF link whose owner holds on to it and to the program."""
        ...

    def ends(self, program: int) -> bool:
        """Whether the kernel has, at last, given this program up."""
        ...

    def alive(self, program: int) -> bool:
        """Whether the kernel has it."""
        ...


class ProgramContract:
    """Subclasses give a ``world`` fixture."""

    @pytest.fixture
    def host(self, world: World) -> Namespace:
        return world.kernel.host

    @pytest.fixture
    def index(self, world: World) -> int:
        return world.add_link("net7").identity.ifindex

    @pytest.fixture
    def pod(self, world: World) -> Iterator[Namespace]:
        opened = world.kernel.open(world.add_namespace())
        yield opened
        opened.close()

    def test_a_plain_interface_has_no_programs(self, world: World, host: Namespace, index: int) -> None:
        assert world.programs.attached(host, index) == ()
        assert world.programs.detach(host, index) == ()

    @pytest.mark.parametrize("hook", HOOKS)
    def test_a_program_is_told_with_hook_name_and_id(
        self, world: World, host: Namespace, index: int, hook: str
    ) -> None:
        number = world.plant(host, index, hook, "handle_packet")
        (found,) = world.programs.attached(host, index)
        assert (found.hook, found.name, found.id) == (hook, "handle_packet", number)

    @pytest.mark.parametrize("hook", HOOKS)
    def test_a_program_is_taken_off_and_ends(self, world: World, host: Namespace, index: int, hook: str) -> None:
        number = world.plant(host, index, hook, "one")
        before = world.programs.attached(host, index)
        assert world.programs.detach(host, index) == before
        assert world.programs.attached(host, index) == ()
        assert world.ends(number)

    @pytest.mark.parametrize("hook", LASTING)
    def test_a_program_of_a_bpf_link_is_taken_off_too(
        self, world: World, host: Namespace, index: int, hook: str
    ) -> None:
        number = world.plant_by_link(host, index, hook, "owned")
        (taken,) = world.programs.detach(host, index)
        assert (taken.hook, taken.id) == (hook, number)
        assert world.programs.attached(host, index) == ()
        assert world.programs.attach(host, index, (taken,)) == ()
        assert world.programs.attached(host, index) == (taken,)

    def test_what_is_held_comes_back_as_it_was(self, world: World, host: Namespace, index: int) -> None:
        before = _all_hooks(world, host, index)
        world.programs.hold("claim", before)
        world.programs.detach(host, index)
        assert world.programs.attach(host, index, before) == ()
        assert world.programs.attached(host, index) == before

    def test_what_nobody_held_cannot_be_put_back(self, world: World, host: Namespace, index: int) -> None:
        world.plant(host, index, "tcx-ingress", "one")
        taken = world.programs.detach(host, index)
        assert world.ends(taken[0].id)
        assert world.programs.attach(host, index, taken) == taken
        assert world.programs.attached(host, index) == ()

    def test_released_programs_end_when_they_are_not_attached(self, world: World, host: Namespace, index: int) -> None:
        taken = _all_hooks(world, host, index)
        world.programs.hold("claim", taken)
        world.programs.hold("claim", taken)
        world.programs.detach(host, index)
        assert all(world.alive(program.id) for program in taken)
        world.programs.release("claim")
        world.programs.release("claim")
        assert all(world.ends(program.id) for program in taken)

    def test_two_keys_hold_one_program_each_for_itself(self, world: World, host: Namespace, index: int) -> None:
        world.plant(host, index, "xdp", "one")
        programs = world.programs.attached(host, index)
        world.programs.hold("first", programs)
        world.programs.hold("second", programs)
        world.programs.detach(host, index)
        assert world.programs.held() == {"first", "second"}
        world.programs.release("first")
        assert world.programs.held() == {"second"}
        assert world.programs.attach(host, index, programs) == ()
        world.programs.release("second")
        assert world.programs.held() == frozenset()
        assert world.programs.attached(host, index) == programs

    def test_a_program_in_the_middle_comes_back_to_the_middle(self, world: World, host: Namespace, index: int) -> None:
        for name in ("first", "second", "third"):
            world.plant(host, index, "tcx-ingress", name)
        before = world.programs.attached(host, index)
        world.programs.hold("claim", before)
        world.programs.detach(host, index, keep=before[1:2])
        assert world.programs.attached(host, index) == before[1:2]
        assert world.programs.attach(host, index, before) == ()
        assert world.programs.attached(host, index) == before

    def test_strangers_are_taken_off_and_the_kept_ones_stay(self, world: World, host: Namespace, index: int) -> None:
        kept = _all_hooks(world, host, index)[1:]  # the XDP hook takes only one
        world.plant(host, index, "tc-ingress", "stranger")
        world.plant(host, index, "tcx-egress", "stranger")
        assert sorted(one.name for one in world.programs.detach(host, index, kept)) == ["p_xdp", "stranger", "stranger"]
        assert world.programs.attached(host, index) == kept

    def test_putting_back_what_is_there_changes_nothing(self, world: World, host: Namespace, index: int) -> None:
        before = _all_hooks(world, host, index)
        assert world.programs.attach(host, index, before) == ()
        assert world.programs.attached(host, index) == before

    def test_another_program_in_the_way_stays_and_ours_is_told_as_not_put_back(
        self, world: World, host: Namespace, index: int
    ) -> None:
        world.plant(host, index, "xdp", "ours")
        ours = world.programs.attached(host, index)
        world.programs.hold("claim", ours)
        world.programs.detach(host, index)
        world.plant(host, index, "xdp", "theirs")
        assert world.programs.attach(host, index, ours) == ours
        assert [program.name for program in world.programs.attached(host, index)] == ["theirs"]

    def test_a_hook_that_is_none_is_told_as_not_put_back(self, world: World, host: Namespace, index: int) -> None:
        world.plant(host, index, "xdp", "one")
        odd = tuple(replace(program, hook="warp") for program in world.programs.attached(host, index))
        assert world.programs.attach(host, index, odd) == odd

    def test_a_move_ends_tc_filters_and_nothing_else(
        self, world: World, host: Namespace, pod: Namespace, index: int
    ) -> None:
        before = _all_hooks(world, host, index)
        moved = host.move(index, pod, "net1").identity.ifindex
        assert world.programs.attached(pod, moved) == tuple(one for one in before if one.hook in LASTING)
        assert all(world.ends(one.id) for one in before if one.hook not in LASTING)

    def test_what_was_held_over_a_move_and_taken_off_in_the_pod_comes_back_in_the_host(
        self, world: World, host: Namespace, pod: Namespace, index: int
    ) -> None:
        before = _all_hooks(world, host, index)
        world.programs.hold("claim", before)
        there = host.move(index, pod, "net1").identity.ifindex
        world.programs.detach(pod, there)
        world.plant(pod, there, "xdp", "of_the_pod")
        world.plant(pod, there, "tcx-ingress", "of_the_pod")
        back = pod.move(there, host, "net7").identity.ifindex
        assert {program.name for program in world.programs.detach(host, back, keep=before)} == {"of_the_pod"}
        assert world.programs.attach(host, back, before) == ()
        assert world.programs.attached(host, back) == before

    def test_programs_of_one_interface_are_not_those_of_another(
        self, world: World, host: Namespace, index: int
    ) -> None:
        other = world.add_link("net8").identity.ifindex
        before = _all_hooks(world, host, index)
        assert world.programs.attached(host, other) == ()
        world.programs.detach(host, other)
        assert world.programs.attached(host, index) == before

    def test_a_link_that_is_not_there_is_not_found(self, world: World, host: Namespace) -> None:
        _fails(Code.NOT_FOUND, lambda: world.programs.attached(host, ABSENT))
        _fails(Code.NOT_FOUND, lambda: world.programs.detach(host, ABSENT))
        _fails(Code.NOT_FOUND, lambda: world.programs.attach(host, ABSENT, (Program(hook="xdp", name="", id=1),)))


def _all_hooks(world: World, namespace: Namespace, index: int) -> tuple[Program, ...]:
    for hook in HOOKS:
        world.plant(namespace, index, hook, "p_" + hook.replace("-", "_"))
    return world.programs.attached(namespace, index)


def _fails(code: Code, act: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    assert caught.value.code is code
    return caught.value
