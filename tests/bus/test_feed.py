"""The inventory's way: the newest wins, late and returning subscribers get it, nonsense is ignored."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq

from adapters.bus.endpoint import Endpoint
from adapters.bus.envelope import pack
from adapters.bus.feed import Edition, FeedPublisher, FeedSubscriber, HeldPublisher, HeldSubscriber
from ports.devices import Device, Identity, Inventory
from ports.errors import Code, Failure
from ports.heldfeed import HeldDevice, HeldState
from ports.plan import ClaimRef, PodRef
from ports.vitals import Vitals

WAIT = 10.0


@contextmanager
def publishing(path: str) -> Iterator[FeedPublisher]:
    publisher = FeedPublisher(path)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()


@contextmanager
def subscribed(path: str) -> Iterator[FeedSubscriber]:
    subscriber = FeedSubscriber(path)
    try:
        yield subscriber
    finally:
        subscriber.close()


def inventory(generation: int, devices: int = 0) -> Inventory:
    made = (
        Device(
            name=f"net-{number}",
            identity=Identity(ifindex=number + 1),
            interface=f"eth{number}",
            attributes={"dra.net/ifName": f"eth{number}", "dra.net/mtu": 1500, "dra.net/virtual": False},
        )
        for number in range(devices)
    )
    return Inventory(generation=generation, devices=tuple(made))


def test_what_is_published_arrives(place: str) -> None:
    with publishing(place) as publisher, subscribed(place) as subscriber:
        publisher.publish(inventory(1, devices=1024))
        assert subscriber.latest(WAIT) == inventory(1, devices=1024)


def test_a_late_subscriber_gets_the_newest_at_once(place: str) -> None:
    with publishing(place) as publisher:
        publisher.publish(inventory(1))
        publisher.publish(inventory(2))
        for _ in range(3):
            with subscribed(place) as subscriber:
                assert subscriber.latest(WAIT) == inventory(2)


def test_what_was_published_before_the_start_is_not_lost(place: str) -> None:
    publisher = FeedPublisher(place)
    publisher.publish(inventory(1))
    publisher.start()
    try:
        with subscribed(place) as subscriber:
            assert subscriber.latest(WAIT) == inventory(1)
    finally:
        publisher.stop()


def test_only_the_newest_is_left_for_a_subscriber_that_was_busy(place: str) -> None:
    with publishing(place) as publisher, subscribed(place) as subscriber:
        publisher.publish(inventory(0))
        assert subscriber.latest(WAIT) == inventory(0)
        for generation in range(1, 500):
            publisher.publish(inventory(generation, devices=50))
        seen = inventory(0)
        while seen.generation < 499:
            newer = subscriber.latest(WAIT)
            assert newer is not None
            assert newer.generation > seen.generation
            seen = newer


def test_nothing_new_is_none(place: str) -> None:
    with publishing(place) as publisher, subscribed(place) as subscriber:
        assert subscriber.latest(0.05) is None
        publisher.publish(inventory(1))
        assert subscriber.latest(WAIT) == inventory(1)
        with subscribed(place) as another:
            assert another.latest(WAIT) == inventory(1)
        assert subscriber.latest(0.2) is None, "what was sent for another subscriber's sake is not news"


def test_a_subscriber_may_come_before_the_publisher_and_outlive_it(place: str) -> None:
    with subscribed(place) as subscriber:
        for generation in (5, 1, 3):
            with publishing(place) as publisher:
                publisher.publish(inventory(generation))
                assert subscriber.latest(WAIT) == inventory(generation)


def test_two_subscribers_both_get_it(place: str) -> None:
    with publishing(place) as publisher, subscribed(place) as one, subscribed(place) as two:
        publisher.publish(inventory(1))
        assert (one.latest(WAIT), two.latest(WAIT)) == (inventory(1), inventory(1))


@pytest.mark.parametrize(
    "nonsense", [b"", b"\xff" * 30, pack({"v": 2, "inventory": {"generation": 1}}), pack({"v": 1, "inventory": []})]
)
def test_a_frame_that_is_no_inventory_is_ignored_and_logged(
    place: str, nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "knd.bus")
    good = pack(Edition(v=1, inventory=inventory(1)))
    endpoint = Endpoint(place)
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket, subscribed(place) as subscriber:
        socket.linger = 0
        endpoint.bind(socket)
        assert socket.poll(int(WAIT * 1000)), "no subscription came"
        socket.send(nonsense)
        assert subscriber.latest(0.5) is None
        socket.send(good)
        assert subscriber.latest(WAIT) == inventory(1)
    endpoint.release()
    assert "ignored a frame" in caplog.text


def test_a_live_feed_cannot_be_taken_over(place: str) -> None:
    with publishing(place) as publisher:
        with pytest.raises(Failure) as caught, publishing(place):
            pass
        assert caught.value.code is Code.CONFLICT
        publisher.publish(inventory(1))
        with subscribed(place) as subscriber:
            assert subscriber.latest(WAIT) == inventory(1)


def test_a_publisher_whose_place_was_taken_can_try_again(place: str) -> None:
    second = FeedPublisher(place)
    with publishing(place), pytest.raises(Failure):
        second.start()
    second.publish(inventory(2))
    second.start()
    try:
        with subscribed(place) as subscriber:
            assert subscriber.latest(WAIT) == inventory(2)
    finally:
        second.stop()


def test_a_closed_subscriber_has_nothing_and_a_stopped_publisher_leaves_nothing(place: str) -> None:
    with publishing(place) as publisher, subscribed(place) as subscriber:
        subscriber.close()
        assert subscriber.latest(0.1) is None
        publisher.stop()
        publisher.publish(inventory(2))
    assert os.listdir(os.path.dirname(place)) == ["bus.sock.lock"]


def test_closing_ends_a_wait_under_way(place: str) -> None:
    subscriber = FeedSubscriber(place)
    waiting = threading.Thread(target=subscriber.latest, args=(600.0,))
    waiting.start()
    time.sleep(0.1)  # most often it waits by now; it must end either way
    subscriber.close()
    waiting.join(20)
    assert not waiting.is_alive()


def test_devices_in_pods_arrive_by_a_feed_of_their_own(place: str) -> None:
    claim, pod = ClaimRef(namespace="n", name="c", uid="u"), PodRef(namespace="n", name="p", uid="v")
    state = HeldState(
        beat=3,
        devices=(
            HeldDevice(device="a", claim=claim, pod=pod, vitals=Vitals(up=True, idle_ports=("x",), errors=(1, 2))),
            HeldDevice(device="b", claim=claim, pod=pod, vitals=None),
        ),
    )
    publisher, subscriber = HeldPublisher(place), HeldSubscriber(place)
    publisher.start()
    try:
        publisher.publish(state)
        assert subscriber.latest(WAIT) == state
    finally:
        subscriber.close()
        publisher.stop()
