"""Moves on the real kernel: what they cost, what they leave behind, and what happens when they go wrong."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.netlink.codec import Request
from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.nsfs import open_namespace
from adapters.netlink.pci import PciAddresses
from ports.devices import Address, Link, Route
from ports.errors import Code, Failure
from tests.netns.world import RealWorld
from tests.support.eventually import eventually
from tests.support.private_net import add_link, private_namespace

pytestmark = pytest.mark.netns
RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH = 18, 22, 26, 30


def test_the_way_of_a_pod_never_dumps_all_links(real: RealWorld) -> None:
    made = real.add_link("net7")
    pod = real.kernel.open(real.add_namespace())
    real.host.socket.sent.clear()
    before = real.host.facts(made.identity.ifindex)
    there = real.host.move(made.identity.ifindex, pod, "knd0").identity.ifindex
    pod.set_mtu(there, 1400)
    pod.set_mac(there, "02:00:00:00:00:09")
    pod.rename(there, "net1")
    pod.add_address(there, Address(prefix="192.0.2.5/24"))
    pod.set_up(there, True)
    pod.add_route(there, Route(destination="198.51.100.0/24", gateway="192.0.2.1"))
    pod.facts(there)
    back = pod.move(there, real.host, before.link.name)
    sent = real.host.socket.sent + pod.socket.sent
    pod.close()
    assert back.identity == made.identity
    assert sent[(RTM_GETLINK, False)] > 0
    assert {kind for kind, dumps in sent if dumps} == {RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH}
    assert sent[(RTM_GETLINK, True)] == 0


def test_a_hundred_moves_leave_no_descriptor_open(real: RealWorld) -> None:
    index = real.add_link("net7").identity.ifindex
    path = real.add_namespace()
    before = _descriptors()
    for _ in range(100):
        pod = real.kernel.open(path)
        there = real.host.move(index, pod, "net1")
        index = pod.move(there.identity.ifindex, real.host, "net7").identity.ifindex
        pod.close()
    assert _descriptors() == before


def test_refused_paths_leave_no_descriptor_open(real: RealWorld) -> None:
    before = _descriptors()
    for path in (real.foreign_path(), real.host_path(), "/proc/self/ns/uts", "/absent", "/dev/null"):
        with pytest.raises(Failure):
            real.kernel.open(path)
    assert _descriptors() == before


def test_a_namespace_of_another_kind_is_refused(real: RealWorld) -> None:
    with pytest.raises(Failure) as caught:
        real.kernel.open("/proc/self/ns/uts")
    assert caught.value.code is Code.REFUSED


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(real: RealWorld, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failure) as caught:
        real.kernel.open(str(tmp_path / "pipe"))
    assert caught.value.code is Code.REFUSED


def test_no_thread_stays_in_another_namespace(real: RealWorld) -> None:
    own, threads = os.stat("/proc/thread-self/ns/net").st_ino, threading.active_count()
    pod = real.kernel.open(real.add_namespace())
    pod.links()
    pod.close()
    assert os.stat("/proc/thread-self/ns/net").st_ino == own
    assert threading.active_count() == threads
    eventually(lambda: _threads_namespaces() == {own})  # a thread that has ended stays in /proc for a moment


def test_a_link_that_may_not_move_fails_in_the_kernels_words(real: RealWorld) -> None:
    bridge = add_link(real.host, "br0", "bridge")
    with private_namespace() as path:
        pod = real.kernel.open(path)
        with pytest.raises(Failure, match="immutable") as caught:
            real.host.move(bridge, pod, "br0")
        pod.close()
    assert caught.value.code is Code.KERNEL
    assert real.host.find("br0") is not None


def test_an_alternative_name_finds_the_link_and_takes_the_name(real: RealWorld) -> None:
    first, second = real.add_link("net7"), real.add_link("net8")
    real.host.add_alternative_name(first.identity.ifindex, "a-name-longer-than-fifteen-bytes")
    real.host.add_alternative_name(first.identity.ifindex, "net9")
    assert real.host.find("a-name-longer-than-fifteen-bytes") == first
    pod = real.kernel.open(real.add_namespace())
    real.host.move(first.identity.ifindex, pod, "net1")
    with pytest.raises(Failure) as caught:
        real.host.move(second.identity.ifindex, pod, "net9")
    pod.close()
    assert caught.value.code is Code.CONFLICT
    assert real.host.find("net8") == second


class _SeesTheNameLate(NetlinkNamespace):
    """Looks before another takes the name: its first look at a name finds nothing."""

    looked = False

    def find(self, name: str) -> Link | None:
        if not self.looked:
            self.looked = True
            return None
        return super().find(name)


def test_a_name_taken_between_look_and_move_leaves_the_link_in_the_host(real: RealWorld) -> None:
    first, second = real.add_link("net7"), real.add_link("net8")
    path = real.add_namespace()
    pod = real.kernel.open(path)
    real.host.move(first.identity.ifindex, pod, "net1")
    late = _SeesTheNameLate(open_namespace(path), PciAddresses("/sys"), 10.0)
    with pytest.raises(Failure) as caught:
        real.host.move(second.identity.ifindex, late, "net1")
    names = {link.name for link in late.links()}
    late.close()
    pod.close()
    assert caught.value.code is Code.CONFLICT
    assert real.host.find("net8") == second
    assert names == {"lo", "net1"}


def test_a_move_whose_answer_did_not_come_is_taken_back(real: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = real.add_link("net7")
    pod = real.kernel.open(real.add_namespace())
    change = real.host.socket.change

    def unanswered(request: Request, subject: str) -> None:
        change(request, subject)
        raise Failure(Code.DEADLINE, subject, "the kernel did not answer")

    monkeypatch.setattr(real.host.socket, "change", unanswered)
    with pytest.raises(Failure) as caught:
        real.host.move(made.identity.ifindex, pod, "net1")
    monkeypatch.undo()
    names = {link.name for link in pod.links()}
    pod.close()
    assert caught.value.code is Code.DEADLINE
    assert real.host.find("net7") == made
    assert names == {"lo"}


def test_a_namespace_without_a_path_stays_while_it_is_held_open(real: RealWorld) -> None:
    made = real.add_link("net7")
    with private_namespace() as path:
        pod = real.kernel.open(path)
    there = real.host.move(made.identity.ifindex, pod, "net1")
    pod.move(there.identity.ifindex, real.host, "net7")
    pod.close()
    assert real.host.find("net7") is not None


def test_a_kernel_that_cannot_be_built_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = _descriptors()
    with pytest.raises(Failure):
        NetlinkKernel(host=str(tmp_path))
    assert _descriptors() == before


def _threads_namespaces() -> set[int]:
    found = set()
    for task in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError):
            found.add(os.stat(f"/proc/self/task/{task}/ns/net").st_ino)
    return found


def _descriptors() -> set[str]:
    """The open descriptors, without the one that lists them."""
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}
