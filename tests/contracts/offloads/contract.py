"""What every implementation of ``ports.controls.OffloadControl`` does, the model and the real one alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from ports.controls import OffloadControl
from ports.devices import Link, Offloads, Setting, Switch
from ports.errors import Code, Failure
from ports.kernel import Kernel, Namespace

CHECKSUM, SEGMENTATION, RECEIVE = "tx-checksum-ip-generic", "tx-tcp-segmentation", "rx-gro"
CHANNELS = ("channels/rx", "channels/tx")
FIXED_OFF = "rx-all"
ABSENT = 99999


class World(Protocol):
    """What a test arranges."""

    @property
    def kernel(self) -> Kernel:
        """The kernel that the links are in."""
        ...

    @property
    def offloads(self) -> OffloadControl:
        """The control under test."""
        ...

    def add_link(self, name: str, ifindex: int | None = None) -> Link:
        """A veth in the host."""
        ...

    def add_namespace(self) -> str:
        """A new empty namespace; its path."""
        ...


class OffloadContract:
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

    def test_the_changeable_features_are_told_by_kernel_name_and_sorted(
        self, world: World, host: Namespace, index: int
    ) -> None:
        names = [switch.name for switch in world.offloads.read(host, index).features]
        assert {CHECKSUM, SEGMENTATION, RECEIVE} <= set(names)
        assert FIXED_OFF not in names
        assert names == sorted(names)

    def test_those_that_nobody_can_change_are_told_apart(self, world: World, host: Namespace, index: int) -> None:
        fixed = world.offloads.fixed(host, index)
        assert Switch(name=FIXED_OFF, on=False) in fixed
        assert not {switch.name for switch in fixed} & _states(world, host, index).keys()
        _fails(Code.NOT_FOUND, lambda: world.offloads.fixed(host, ABSENT))

    def test_a_driver_without_private_flags_has_none(self, world: World, host: Namespace, index: int) -> None:
        assert world.offloads.read(host, index).flags == ()

    def test_a_feature_is_switched_and_no_other_with_it(self, world: World, host: Namespace, index: int) -> None:
        before = _states(world, host, index)
        world.offloads.write(host, index, _wish(rx_gro=not before[RECEIVE]))
        assert _states(world, host, index) == {**before, RECEIVE: not before[RECEIVE]}

    def test_what_depends_on_a_feature_goes_with_it_and_comes_back(
        self, world: World, host: Namespace, index: int
    ) -> None:
        before = _states(world, host, index)
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=False))
        assert not _states(world, host, index)[SEGMENTATION]
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=True))
        assert _states(world, host, index) == before

    def test_a_feature_that_depends_on_one_that_is_off_is_refused_by_name_and_leaves_no_wish_behind(
        self, world: World, host: Namespace, index: int
    ) -> None:
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=False, tx_tcp_segmentation=False))
        failure = _fails(Code.KERNEL, lambda: world.offloads.write(host, index, _wish(tx_tcp_segmentation=True)))
        assert SEGMENTATION in str(failure)
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=True))
        assert not _states(world, host, index)[SEGMENTATION]

    def test_a_wish_that_contradicts_itself_is_refused_though_a_part_of_it_was_so_already(
        self, world: World, host: Namespace, index: int
    ) -> None:
        before = world.offloads.read(host, index)
        wish = _wish(tx_checksum_ip_generic=False, tx_tcp_segmentation=True)
        failure = _fails(Code.KERNEL, lambda: world.offloads.write(host, index, wish))
        assert SEGMENTATION in failure.detail
        assert world.offloads.read(host, index) == before

    def test_settings_of_the_hardware_are_set_and_no_others_with_them(
        self, world: World, host: Namespace, index: int
    ) -> None:
        before = _settings(world, host, index)
        assert {name: before[name] for name in CHANNELS} == dict.fromkeys(CHANNELS, "1")
        world.offloads.write(host, index, _set(rx="2"))
        assert _settings(world, host, index) == {**before, "channels/rx": "2"}
        world.offloads.write(host, index, _set(rx="1", tx="2"))
        assert _settings(world, host, index) == {**before, "channels/tx": "2"}

    def test_settings_stay_over_a_move(self, world: World, host: Namespace, pod: Namespace, index: int) -> None:
        world.offloads.write(host, index, _set(rx="2"))
        moved = host.move(index, pod, "net1").identity.ifindex
        assert _settings(world, pod, moved)["channels/rx"] == "2"

    def test_more_than_the_hardware_has_is_refused_by_name(self, world: World, host: Namespace, index: int) -> None:
        before = _settings(world, host, index)
        failure = _fails(Code.KERNEL, lambda: world.offloads.write(host, index, _set(rx="5000")))
        assert "channels/rx" in failure.detail
        assert _settings(world, host, index) == before

    @pytest.mark.parametrize("name", ["channels/warp", "rings/rx", "warp/rx", "warp"])
    def test_a_setting_that_is_none_here_is_invalid(self, world: World, host: Namespace, index: int, name: str) -> None:
        wish = Offloads(settings=(Setting(name=name, value="1"),))
        assert name in _fails(Code.INVALID, lambda: world.offloads.write(host, index, wish)).detail

    def test_what_was_read_is_written_back(self, world: World, host: Namespace, index: int) -> None:
        before = world.offloads.read(host, index)
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=False, rx_gro=True))
        world.offloads.write(host, index, _set(rx="2", tx="2"))
        world.offloads.write(host, index, before)
        assert world.offloads.read(host, index) == before

    def test_features_stay_over_a_move(self, world: World, host: Namespace, pod: Namespace, index: int) -> None:
        world.offloads.write(host, index, _wish(tx_checksum_ip_generic=False))
        before = world.offloads.read(host, index)
        moved = host.move(index, pod, "net1").identity.ifindex
        assert world.offloads.read(pod, moved) == before

    def test_a_name_that_is_none_is_invalid_and_nothing_is_switched(
        self, world: World, host: Namespace, index: int
    ) -> None:
        before = world.offloads.read(host, index)
        failure = _fails(Code.INVALID, lambda: world.offloads.write(host, index, _wish(warp=True, rx_gro=True)))
        assert "warp" in failure.detail
        assert world.offloads.read(host, index) == before

    def test_a_fixed_feature_is_invalid_only_the_other_way(self, world: World, host: Namespace, index: int) -> None:
        world.offloads.write(host, index, _wish(rx_all=False))
        failure = _fails(Code.INVALID, lambda: world.offloads.write(host, index, _wish(rx_all=True)))
        assert FIXED_OFF in failure.detail

    def test_a_private_flag_that_is_none_is_invalid(self, world: World, host: Namespace, index: int) -> None:
        wish = Offloads(flags=(Switch(name="link-down-on-close", on=True),))
        failure = _fails(Code.INVALID, lambda: world.offloads.write(host, index, wish))
        assert "link-down-on-close" in failure.detail

    def test_a_link_that_is_not_there_is_not_found(self, world: World, host: Namespace) -> None:
        _fails(Code.NOT_FOUND, lambda: world.offloads.read(host, ABSENT))
        _fails(Code.NOT_FOUND, lambda: world.offloads.write(host, ABSENT, _wish(rx_gro=True)))


def _wish(**features: bool) -> Offloads:
    return Offloads(features=tuple(Switch(name=name.replace("_", "-"), on=on) for name, on in features.items()))


def _set(**channels: str) -> Offloads:
    return Offloads(settings=tuple(Setting(name=f"channels/{name}", value=each) for name, each in channels.items()))


def _settings(world: World, host: Namespace, index: int) -> dict[str, str]:
    return {setting.name: setting.value for setting in world.offloads.read(host, index).settings}


def _states(world: World, host: Namespace, index: int) -> dict[str, bool]:
    return {switch.name: switch.on for switch in world.offloads.read(host, index).features}


def _fails(code: Code, act: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    assert caught.value.code is code
    return caught.value
