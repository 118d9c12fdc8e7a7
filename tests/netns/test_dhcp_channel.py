"""Channels on a real kernel: what comes through a packet socket that was handed over, and what is left afterwards."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from adapters.dhcp.client import ChannelClient, SocketChannel
from adapters.dhcp.server import ChannelServer
from agent.domain.dhcp import client4, client6
from agent.domain.dhcp.exchange import Exchange
from ports.dataplane import Call
from ports.devices import Identity
from ports.dhcp import Lease, Wish
from ports.errors import Code, Failure
from tests.contracts.dataplane.contract import CLAIM, call, facts, prepare, sandbox
from tests.dataplane.real_bench import RealBench
from tests.support.dhcp.running import RunningServer
from tests.support.dhcp.server4 import Server4
from tests.support.dhcp.server6 import Server6
from tests.support.eventually import eventually

pytestmark = pytest.mark.netns
OTHER_MAC = "02:00:5e:10:00:77"
ASKING = bytes.fromhex("ff" * 6 + "02000000000108004500001c000000004011000000000000ffffffff0044004300080000")


class Bench(RealBench):
    """A real host whose dataplane lends packet sockets."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        path = str(directory / "prepare" / "channel.sock")
        self.server = ChannelServer(path, self.dataplane)
        self.server.start()
        self.channels = ChannelClient(path)

    def wish(self, device: int = 0, family: int = 4, mac: str = "", claim: str = CLAIM.uid) -> Wish:
        """A channel of the host's first or second device."""
        identity = self.devices[device]
        return Wish(claim_uid=claim, device=f"ens{device + 1}", identity=identity, family=family, mac=mac)

    def open(self, *args: object, **wishes: object) -> SocketChannel:
        """A channel."""
        return self.channels.open(self.wish(*args, **wishes), call(self))  # type: ignore[arg-type]

    def close(self) -> None:
        """End everything."""
        self.server.stop()
        super().close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def talk(channel: SocketChannel, exchange: Exchange, seconds: float = 30.0) -> Lease | None:
    end = time.monotonic() + seconds
    while not exchange.over and time.monotonic() < end:
        for frame in exchange.due(time.monotonic()):
            channel.send(frame)
        heard = channel.receive(max(0.0, exchange.wake - time.monotonic()))
        for frame in exchange.feed(heard, time.monotonic()) if heard else ():
            channel.send(frame)
    return exchange.lease


@pytest.mark.parametrize("mac", ["", OTHER_MAC])
def test_a_lease_is_got_in_the_host_for_the_address_that_the_pod_will_have(bench: Bench, mac: str) -> None:
    before = facts(bench)
    server = Server4()
    with RunningServer(bench.world.wire, "ens1", server.answer):
        channel = bench.open(mac=mac)
        lease = talk(channel, client4.Acquire(mac or channel.mac, time.monotonic(), Random(1)))
        channel.close()
    assert lease is not None
    assert lease.address == "192.0.2.100/24"
    assert {asked.mac for asked in server.asked} == {mac or before[0].link.mac}
    assert facts(bench) == before


@pytest.mark.parametrize("mac", ["", OTHER_MAC])
def test_an_ipv6_lease_is_got_although_the_kernel_does_not_answer_for_that_address(bench: Bench, mac: str) -> None:
    server = Server6(solicits=True, rapid=True)
    with RunningServer(bench.world.wire, "ens1", server.answer):
        channel = bench.open(family=6, mac=mac)
        lease = talk(channel, client6.Acquire(mac or channel.mac, time.monotonic(), Random(1)))
        channel.close()
    assert lease is not None
    assert lease.address == "2001:db8::100/128"


def test_an_interface_that_is_down_is_up_only_as_long_as_somebody_speaks(bench: Bench) -> None:
    index = bench.devices[0].ifindex
    bench.kernel.host.set_up(index, False)
    before = facts(bench)
    channel, other = bench.open(), bench.open(family=6)
    assert channel.running
    assert bench.kernel.host.link(index).up
    channel.close()
    assert bench.kernel.host.link(index).up
    other.close()
    assert facts(bench) == before


def test_an_interface_is_set_down_when_whoever_spoke_has_died(bench: Bench) -> None:
    index = bench.devices[0].ifindex
    bench.kernel.host.set_up(index, False)
    channel = bench.open()
    channel._connection.close()
    channel._frames.close()
    eventually(lambda: not bench.kernel.host.link(index).up)


def test_an_interface_is_set_down_when_the_time_is_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.dhcp.server.GRACE", 0.0)
    index = bench.devices[0].ifindex
    bench.kernel.host.set_up(index, False)
    channel = bench.channels.open(bench.wish(), Call(key="", deadline=time.monotonic() + 1.0))
    eventually(lambda: not bench.kernel.host.link(index).up)
    channel.close()


def test_a_pod_that_comes_for_its_device_does_not_wait(bench: Bench) -> None:
    bench.kernel.host.set_up(bench.devices[0].ifindex, False)
    before = facts(bench)
    prepare(bench, 0)
    channel = bench.open()
    bench.dataplane.attach(sandbox(bench), call(bench))
    channel.close()
    assert [each.interface for each in bench.dataplane.held(call(bench))] == ["net1"]
    bench.dataplane.detach(sandbox(bench), call(bench))
    bench.dataplane.unprepare(CLAIM.uid, call(bench))
    assert facts(bench) == before


def test_a_device_in_a_pod_speaks_from_there(bench: Bench) -> None:
    prepare(bench, 0)
    bench.dataplane.attach(sandbox(bench), call(bench))
    server = Server4()
    with RunningServer(bench.world.wire, "ens1", server.answer):
        channel = bench.open()
        assert talk(channel, client4.Acquire(channel.mac, time.monotonic(), Random(1))) is not None
        channel.close()


def test_nothing_but_dhcp_comes_through(bench: Bench) -> None:
    channel = bench.open()
    mac = bytes.fromhex("ff" * 6 + "020000000001")
    wrong_port = (
        mac + b"\x08\x00" + bytes.fromhex("4500001c00000000401100000a0000010a000002") + b"\0\x35\0\x45\0\x08\0\0"
    )
    right_port = wrong_port[:36] + b"\0\x44" + wrong_port[38:]

    def chatter(_frame: bytes) -> list[bytes]:
        return [mac + b"\x08\x06" + bytes(28), wrong_port, mac + b"\x86\xdd" + bytes(60), right_port]

    with RunningServer(bench.world.wire, "ens1", chatter):
        channel.send(ASKING)
        heard = [channel.receive(10.0), channel.receive(0.2)]  # others speak too, and are answered by the chatter
    channel.close()
    assert heard[0] is not None
    assert {each.frame[: len(right_port)] for each in heard if each} == {right_port}


def test_whoever_has_a_channel_has_no_packet_socket(bench: Bench) -> None:
    """With one it could send through the node's uplink, bind to it and make it promiscuous."""
    channel, wire = bench.open(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    assert (channel._frames.family, channel._frames.type) == (wire.family, wire.type)
    wire.close()
    channel.close()


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(ASKING[:36] + b"\0\x35" + ASKING[38:], id="another port"),
        pytest.param(ASKING[:20] + b"\x20\0" + ASKING[22:], id="a fragment"),
        pytest.param(ASKING[:12] + b"\x08\x06" + bytes(28), id="arp"),
        pytest.param(b"x", id="runt"),
        pytest.param(ASKING + bytes(10000), id="giant"),
    ],
)
def test_nothing_but_dhcp_goes_out(bench: Bench, frame: bytes) -> None:
    channel = bench.open()
    with pytest.raises(Failure) as caught:
        channel.send(frame)
    assert caught.value.code is Code.KERNEL
    channel.send(ASKING)
    channel.close()


def test_a_device_that_goes_down_is_told_of(bench: Bench) -> None:
    channel = bench.open()
    bench.kernel.host.set_up(bench.devices[0].ifindex, False)
    with pytest.raises(Failure) as caught:
        channel.receive(30.0)
    assert caught.value.code is Code.UNAVAILABLE
    channel.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"identity": Identity(ifindex=99999)}, Code.NOT_FOUND, id="absent"),
        pytest.param({"identity": "uplink"}, Code.REFUSED, id="uplink"),
        pytest.param({"identity": "other"}, Code.NOT_FOUND, id="another device of that index"),
    ],
)
def test_a_device_that_must_not_speak_is_refused(bench: Bench, change: dict[str, object], code: Code) -> None:
    other = Identity(ifindex=bench.devices[0].ifindex, pci_address="0000:00:01.0")
    identities = {"uplink": bench.uplink, "other": other}
    identity = identities.get(str(change["identity"]), change["identity"])
    assert isinstance(identity, Identity)
    wish = Wish(claim_uid=CLAIM.uid, device="ens1", identity=identity, family=4)
    with pytest.raises(Failure) as caught:
        bench.channels.open(wish, call(bench))
    assert caught.value.code is code


@pytest.mark.parametrize(("family", "mac"), [(5, ""), (-1, ""), (4, "01:00:5e:00:00:01"), (4, "zz"), (6, "02:00")])
def test_a_wish_that_cannot_be_is_refused(bench: Bench, family: int, mac: str) -> None:
    with pytest.raises(Failure) as caught:
        bench.open(family=family, mac=mac)
    assert caught.value.code is Code.INVALID


def test_a_device_of_another_claim_is_a_conflict(bench: Bench) -> None:
    prepare(bench, 0)
    with pytest.raises(Failure, match="is held by") as caught:
        bench.open(claim="other-claim")
    assert caught.value.code is Code.CONFLICT


def test_a_dataplane_that_is_away_is_told_as_such(bench: Bench) -> None:
    bench.server.stop()
    with pytest.raises(Failure) as caught:
        bench.open()
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0" * 70000, b"{}\n", b"[" * 9000 + b"\n", b'{"v": 3}\n', b"\xff\xfe\n", b'{"v":2,"deadline":1e999}\n'],
)
def test_garbage_is_refused_and_leaves_nothing_behind(bench: Bench, garbage: bytes) -> None:
    path = bench.channels._path
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10)
            stranger.connect(path)
            try:
                socket.send_fds(stranger, [garbage or b"x"], [stranger.fileno()])
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(4096):
                    pass
            except OSError:  # hung up on
                pass
    eventually(lambda: threading.active_count() <= threads)
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    bench.open().close()


def test_channels_leave_no_descriptor_and_no_thread_behind(bench: Bench) -> None:
    bench.open().close()
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        for family in (4, 6):
            bench.open(family=family).close()
    eventually(lambda: threading.active_count() <= threads)
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
