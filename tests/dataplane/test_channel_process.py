"""Channels of the real process, with the capabilities that it keeps: handed over, and put right after kill -9 and SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from adapters.dhcp.client import ChannelClient, SocketChannel
from ports.dhcp import Wish
from ports.errors import Code, Failure
from tests.dataplane.process import Node, private_node, stop
from tests.support.eventually import eventually

pytestmark = pytest.mark.netns


@pytest.fixture
def node() -> Iterator[Node]:
    """A private node whose first device is down."""
    with private_node() as made:
        made.kernel.host.set_up(made.devices[0].link.identity.ifindex, False)
        yield made


def is_up(node: Node) -> bool:
    return node.kernel.host.link(node.devices[0].link.identity.ifindex).up


def opened(node: Node, family: int = 4) -> SocketChannel:
    identity = node.devices[0].link.identity
    wish = Wish(claim_uid="claim-uid", device="ens1", identity=identity, family=family)
    return ChannelClient(node.places.channel_socket).open(wish, node.call())


def test_an_interface_that_was_set_up_for_a_channel_is_down_again_after_kill_9(node: Node) -> None:
    before = node.facts()
    process = node.start()
    channel = opened(node)
    assert is_up(node)
    process.kill()
    process.wait(10)
    assert is_up(node), "nobody was there to set it down"
    with pytest.raises(Failure) as caught:
        channel.receive(30.0)
    assert caught.value.code is Code.UNAVAILABLE
    process = node.start()
    assert node.facts() == before
    channel.close()
    opened(node, 6).close()
    assert node.facts() == before
    stop(process)


def test_an_interface_that_was_set_up_for_a_channel_is_down_when_the_process_stops(node: Node) -> None:
    before = node.facts()
    process = node.start()
    channel = opened(node)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, node.output()
    eventually(lambda: node.facts() == before)
    channel.close()
