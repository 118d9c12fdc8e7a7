"""What is set of a link beside addresses and routes, on the model and the real kernel alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from ports.devices import Address, Sysctl, Tuning
from ports.errors import Code
from ports.kernel import Namespace
from ports.queueing import INGRESS, ROOT, Queue, Queueing
from ports.sriov import VirtualFunction
from tests.contracts.kernel.world import ABSENT, OnAKernel, World, fails

LONG = "a-name-longer-than-fifteen-bytes"
LIMITED = Queue(type="pfifo", handle=0x10000, parent=ROOT, options="05000000")  # five packets
HOOKED = Queue(type="clsact", handle=0xFFFF0000, parent=INGRESS)
QUEUEING = Queueing(queues=(LIMITED, HOOKED))
IGNORE, ANNOUNCE = "ipv4/arp_ignore", "ipv4/arp_announce"


class SettingsContract(OnAKernel):
    """Sizes, further names, alias, master, sysctls, announcements."""

    @pytest.fixture
    def index(self, world: World) -> int:
        """A link of the host."""
        return world.add_link("net7").identity.ifindex

    def test_an_absent_link_is_not_found_for_any_setting(self, host: Namespace) -> None:
        acts: tuple[Callable[[], object], ...] = (
            lambda: host.set_tuning(ABSENT, Tuning(tx_queue_len=5)),
            lambda: host.add_alternative_name(ABSENT, LONG),
            lambda: host.remove_alternative_name(ABSENT, LONG),
            lambda: host.set_alias(ABSENT, "uplink"),
            lambda: host.set_group(ABSENT, 7),
            lambda: host.function(ABSENT),
            lambda: host.set_functions(ABSENT, ()),
            lambda: host.set_queueing(ABSENT, QUEUEING),
            lambda: host.leave_master(ABSENT),
            lambda: host.join_vrf(ABSENT, "blue", 1541),
            lambda: host.sysctls(ABSENT, (IGNORE,)),
            lambda: host.set_sysctl(ABSENT, Sysctl(name=IGNORE, value="1")),
            lambda: host.announce(ABSENT),
        )
        for act in acts:
            fails(Code.NOT_FOUND, act)

    def test_a_closed_namespace_sets_nothing(self, world: World, index: int) -> None:
        namespace = world.kernel.open(world.add_namespace())
        namespace.close()
        acts: tuple[Callable[[], object], ...] = (
            lambda: namespace.set_tuning(1, Tuning(tx_queue_len=5)),
            lambda: namespace.sysctls(1, (IGNORE,)),
            lambda: namespace.announce(1),
            namespace.rules,
        )
        for act in acts:
            fails(Code.INTERNAL, act)

    def test_sizes_and_queue_are_facts(self, host: Namespace, index: int) -> None:
        wish = Tuning(
            tx_queue_len=5,
            gso_max_size=100000,
            gro_max_size=110000,
            gso_ipv4_max_size=60000,
            gro_ipv4_max_size=50000,
        )
        host.set_tuning(index, wish)
        assert host.facts(index).tuning == wish

    def test_what_is_none_of_the_sizes_stays(self, host: Namespace, index: int) -> None:
        before = host.facts(index).tuning
        host.set_tuning(index, Tuning(tx_queue_len=7))
        assert host.facts(index).tuning == replace(before, tx_queue_len=7)
        host.set_tuning(index, Tuning())
        assert host.facts(index).tuning == replace(before, tx_queue_len=7)

    def test_all_sizes_before_are_put_back_by_one_call(self, host: Namespace, index: int) -> None:
        before = host.facts(index).tuning
        host.set_tuning(index, Tuning(gso_max_size=40000, gro_max_size=200000, gro_ipv4_max_size=30000))
        host.set_tuning(index, before)
        assert host.facts(index).tuning == before

    def test_a_size_that_suits_ipv4_becomes_that_of_ipv4_too(self, host: Namespace, index: int) -> None:
        host.set_tuning(index, Tuning(gso_max_size=40000, gro_max_size=30000))
        found = host.facts(index).tuning
        assert (found.gso_ipv4_max_size, found.gro_ipv4_max_size) == (40000, 30000)

    def test_a_size_beyond_the_device_fails(self, host: Namespace, index: int) -> None:
        before = host.facts(index).tuning
        fails(Code.KERNEL, lambda: host.set_tuning(index, Tuning(gso_max_size=1 << 24)))
        assert host.facts(index).tuning == before

    def test_sizes_go_along_in_a_move(self, host: Namespace, pod: Namespace, index: int) -> None:
        host.set_tuning(index, Tuning(tx_queue_len=9, gso_max_size=70000))
        there = host.move(index, pod, "net1").identity.ifindex
        found = pod.facts(there).tuning
        assert (found.tx_queue_len, found.gso_max_size) == (9, 70000)

    def test_a_further_name_finds_the_link_and_is_a_fact(self, host: Namespace, index: int) -> None:
        for name in (LONG, "net9", LONG):
            host.add_alternative_name(index, name)
        assert host.facts(index).alternative_names == (LONG, "net9")
        for name in (LONG, "net9"):
            found = host.find(name)
            assert found is not None
            assert found.name == "net7"

    def test_a_further_name_of_another_link_is_a_conflict(self, world: World, host: Namespace, index: int) -> None:
        other = world.add_link("net8").identity.ifindex
        host.add_alternative_name(other, LONG)
        fails(Code.CONFLICT, lambda: host.add_alternative_name(index, LONG))
        fails(Code.CONFLICT, lambda: host.add_alternative_name(index, "net8"))
        assert host.facts(index).alternative_names == ()

    def test_a_further_name_is_removed_and_one_that_is_not_there_is_no_matter(
        self, world: World, host: Namespace, index: int
    ) -> None:
        other = world.add_link("net8").identity.ifindex
        host.add_alternative_name(index, LONG)
        host.add_alternative_name(other, "net9")
        for name in (LONG, LONG, "net9"):
            host.remove_alternative_name(index, name)
        assert host.find(LONG) is None
        assert host.find("net9") is not None

    def test_a_further_name_goes_along_and_must_be_free_in_the_target(
        self, world: World, host: Namespace, pod: Namespace, index: int
    ) -> None:
        host.add_alternative_name(index, LONG)
        other = world.add_link("net8").identity.ifindex
        moved = host.move(index, pod, "net1")
        host.add_alternative_name(other, LONG)
        fails(Code.CONFLICT, lambda: host.move(other, pod, "net2"))
        assert host.find("net8") is not None
        assert pod.facts(moved.identity.ifindex).alternative_names == (LONG,)

    def test_an_alias_is_a_fact_until_it_is_emptied(self, host: Namespace, index: int) -> None:
        host.set_alias(index, "the cable to rack 7, port 3")
        assert host.facts(index).alias == "the cable to rack 7, port 3"
        host.set_alias(index, "")
        assert host.facts(index).alias == ""

    def test_queueing_is_a_fact_and_ends_with_a_move(self, host: Namespace, pod: Namespace, index: int) -> None:
        assert host.facts(index).queueing == Queueing()
        host.set_queueing(index, QUEUEING)
        host.set_queueing(index, QUEUEING)
        assert host.facts(index).queueing == QUEUEING
        moved = host.move(index, pod, "net1").identity.ifindex
        assert pod.facts(moved).queueing == Queueing()
        back = pod.move(moved, host, "net7").identity.ifindex
        host.set_queueing(back, host.facts(back).queueing)
        host.set_queueing(back, QUEUEING)
        assert host.facts(back).queueing == QUEUEING

    def test_queueing_that_the_kernel_does_not_take_is_named_and_the_rest_is_there(
        self, host: Namespace, index: int
    ) -> None:
        host.set_queueing(index, Queueing(queues=(LIMITED,)))
        rival = Queue(type="bfifo", handle=0x20000, parent=ROOT, options="05000000")
        failure = fails(Code.KERNEL, lambda: host.set_queueing(index, Queueing(queues=(rival,))))
        assert str(rival) in failure.detail
        assert host.facts(index).queueing == Queueing(queues=(LIMITED,))

    def test_a_link_that_is_no_function_has_none_and_is_none(self, host: Namespace, index: int) -> None:
        assert (host.facts(index).functions, host.function(index)) == ((), None)
        host.set_functions(index, ())
        wish = VirtualFunction(number=3, mac="02:00:00:00:00:03", vlan=7)
        assert "function" in fails(Code.KERNEL, lambda: host.set_functions(index, (wish,))).detail

    def test_a_group_is_a_fact_and_goes_along(self, host: Namespace, pod: Namespace, index: int) -> None:
        assert host.facts(index).group == 0
        host.set_group(index, 42)
        assert host.facts(index).group == 42
        assert pod.facts(host.move(index, pod, "net1").identity.ifindex).group == 42

    def test_the_flag_for_all_packets_counts_among_those_who_want_them(self, host: Namespace, index: int) -> None:
        assert host.facts(index).promiscuity == 0
        host.set_flags(index, host.link(index).flags | 0x100)
        assert host.facts(index).promiscuity == 1

    def test_leaving_no_master_is_a_success(self, host: Namespace, index: int) -> None:
        host.leave_master(index)
        assert host.link(index).master is None

    def test_sysctls_are_read_as_they_were_set(self, host: Namespace, index: int) -> None:
        host.set_sysctl(index, Sysctl(name=IGNORE, value="2"))
        found = host.sysctls(index, (ANNOUNCE, IGNORE))
        assert found == (Sysctl(name=ANNOUNCE, value="0"), Sysctl(name=IGNORE, value="2"))

    def test_sysctls_of_one_link_and_namespace_are_not_those_of_another(
        self, world: World, host: Namespace, pod: Namespace, index: int
    ) -> None:
        other = world.add_link("net8").identity.ifindex
        host.set_sysctl(index, Sysctl(name=IGNORE, value="2"))
        assert host.sysctls(other, (IGNORE,)) == (Sysctl(name=IGNORE, value="0"),)
        there = host.move(other, pod, "net7").identity.ifindex
        assert pod.sysctls(there, (IGNORE,)) == (Sysctl(name=IGNORE, value="0"),)
        pod.set_sysctl(there, Sysctl(name=IGNORE, value="1"))
        assert host.sysctls(index, (IGNORE,)) == (Sysctl(name=IGNORE, value="2"),)

    def test_a_move_resets_sysctls(self, host: Namespace, pod: Namespace, index: int) -> None:
        host.set_sysctl(index, Sysctl(name=IGNORE, value="2"))
        there = host.move(index, pod, "net1").identity.ifindex
        assert pod.sysctls(there, (IGNORE,)) == (Sysctl(name=IGNORE, value="0"),)

    def test_a_sysctl_that_the_kernel_has_not_is_left_out_and_cannot_be_set(self, host: Namespace, index: int) -> None:
        absent = "ipv4/no_such_thing"
        assert host.sysctls(index, (absent, ANNOUNCE)) == (Sysctl(name=ANNOUNCE, value="0"),)
        fails(Code.NOT_FOUND, lambda: host.set_sysctl(index, Sysctl(name=absent, value="1")))

    @pytest.mark.parametrize("value", ["many", "", "1 2 3", "1\0", "ä"])
    def test_a_value_that_is_none_is_invalid(self, host: Namespace, index: int, value: str) -> None:
        fails(Code.INVALID, lambda: host.set_sysctl(index, Sysctl(name=IGNORE, value=value)))
        assert host.sysctls(index, (IGNORE,)) == (Sysctl(name=IGNORE, value="0"),)

    @pytest.mark.parametrize("name", ["", "ipv4", "ipv4/../../kernel/hostname", "core/rmem_max", "ipv4/a/b", "ipv4/."])
    def test_no_name_leads_out_of_the_links_own_sysctls(self, host: Namespace, index: int, name: str) -> None:
        fails(Code.INVALID, lambda: host.set_sysctl(index, Sysctl(name=name, value="1")))
        fails(Code.INVALID, lambda: host.sysctls(index, (name,)))

    def test_announcing_is_a_success_whether_anybody_can_hear_it_or_not(self, host: Namespace, index: int) -> None:
        host.announce(index)
        host.add_address(index, Address(prefix="192.0.2.5/24"))
        host.add_address(index, Address(prefix="2001:db8::5/64"))
        host.announce(index)
        host.set_up(index, True)
        host.announce(index)

    def test_settings_leave_no_descriptor_open(self, host: Namespace, pod: Namespace, index: int) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            host.set_tuning(index, Tuning(tx_queue_len=5))
            host.add_alternative_name(index, LONG)
            host.remove_alternative_name(index, LONG)
            host.set_alias(index, "text")
            host.leave_master(index)
            host.set_sysctl(index, Sysctl(name=IGNORE, value="1"))
            host.sysctls(index, (IGNORE, "ipv4/no_such_thing"))
            host.facts(index)
            fails(Code.INVALID, lambda: host.set_sysctl(index, Sysctl(name=IGNORE, value="many")))
        assert len(os.listdir("/proc/self/fd")) <= before  # an earlier test's announcement may end meanwhile
