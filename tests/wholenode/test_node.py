"""The four real processes together, as ``knd up`` runs them: what the outside sees of them, and how long it takes."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ports.options import DEFAULT_DRIVER
from ports.plan import ClaimRef, PodRef
from tests.support.memory import footprint_kib
from tests.support.wholenode import PROCESSES, WholeNode

pytestmark = pytest.mark.netns
POD = PodRef(namespace="team", name="app", uid="pod-uid")
PATIENCE = 30.0
BUDGET_KIB = 130 * 1024


@pytest.fixture
def node() -> Iterator[WholeNode]:
    with WholeNode() as made:
        yield made


def soon(what: str, condition: Callable[[], object]) -> float:
    """Seconds until it was so."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, f"{what} did not come about"
        time.sleep(0.005)
    return time.monotonic() - begun


def prepare(node: WholeNode, claim: ClaimRef) -> tuple[str, ...]:
    """The kubelet's Prepare; the CDI devices of the claim."""
    (answer,) = node.kubelet.prepare(DEFAULT_DRIVER, (claim,))
    assert answer.error == ""
    return answer.devices[0].cdi_device_ids


def attach_and_detach(node: WholeNode, name: str) -> None:
    """A whole pod, with the card ``card0`` as ``net1``."""
    claim = node.claim(POD, "card0", name, interface={"name": "net1"})
    gate = prepare(node, claim)
    ran = node.runtime.run_pod_sandbox(POD, node.pod_path)
    assert ran.error == ""
    created = node.runtime.create_container(ran.sandbox, "app", (), gate, node.root / "cdi")
    assert created.error == "", node.log()
    assert node.pod.find("net1") is not None
    assert node.runtime.stop_pod_sandbox(ran.sandbox) == ""
    assert node.kubelet.unprepare(DEFAULT_DRIVER, (claim,))[0].error == ""
    soon("the card in the host", lambda: node.host.find("card0"))


def ready_condition(node: WholeNode, claim: ClaimRef) -> tuple[str, str] | None:
    """Status and reason of the claim's first device."""
    entries = node.api.device_status(claim.namespace, claim.name)
    return next(((entry["conditions"][0]["status"], entry["conditions"][0]["reason"]) for entry in entries), None)


def shows(node: WholeNode, mtu: int) -> bool:
    """Whether the slice has that MTU."""
    return bool(node.devices()["card0"]["mtu"] == mtu)


def test_a_change_of_a_link_reaches_the_slice_in_under_a_second(node: WholeNode) -> None:
    card = node.add_card("card0")
    node.up()
    node.ready("card0")
    took = []
    for mtu in range(1400, 1420):
        node.host.set_mtu(card, mtu)
        took.append(soon(f"mtu {mtu}", partial(shows, node, mtu)))
    node.add_card("card1")
    took.append(soon("a new card", lambda: "card1" in node.devices()))
    print(f"change to slice: median {statistics.median(took) * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms")
    assert statistics.median(took) < 1.0


def test_it_all_stops_by_itself_when_told(node: WholeNode) -> None:
    node.add_card("card0")
    up = node.up()
    node.ready("card0")
    pids = node.pids(up)
    assert set(pids) == set(PROCESSES)
    up.send_signal(signal.SIGTERM)
    assert up.wait(PATIENCE) == 0
    assert "killed" not in node.log(), "a process took longer than the two seconds that the supervisor gives it"
    assert not [pid for pid in pids.values() if os.path.exists(f"/proc/{pid}")]
    assert node.devices().keys() == {"card0"}, "slices stay for the process that comes next"


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_that_is_killed_is_back_in_service(node: WholeNode, name: str) -> None:
    node.add_card("card0")
    up = node.up()
    node.ready("card0")
    attach_and_detach(node, "before")
    first = node.pids(up)[name]
    os.kill(first, signal.SIGKILL)
    took = soon(f"another {name}", lambda: node.pids(up).get(name, first) != first)
    if name == "nri":
        took += soon("the runtime's plugin", node.runtime.wait_for_plugins)
    if name == "dra":
        soon("its outcomes socket", lambda: "offered to the kubelet" in node.log().rpartition("dra ended")[2])
        node.kubelet.wait_registered(DEFAULT_DRIVER, PATIENCE)
    print(f"{name} again after {took:.1f} s")
    soon("the card published", lambda: "card0" in node.devices())
    attach_and_detach(node, "after")


def test_the_claim_shows_the_device_while_it_is_in_the_pod(node: WholeNode) -> None:
    node.add_card("card0")
    node.up()
    node.ready("card0")
    claim = node.claim(POD, "card0", interface={"name": "net1", "addresses": ["192.0.2.5/24"]})
    prepare(node, claim)
    sandbox = node.runtime.run_pod_sandbox(POD, node.pod_path).sandbox
    soon("readiness", lambda: ready_condition(node, claim) == ("True", "NetworkDeviceReady"))
    node.runtime.stop_pod_sandbox(sandbox)
    soon("the end of it", lambda: ready_condition(node, claim) == ("False", "Detached"))
    (entry,) = node.api.device_status(claim.namespace, claim.name)
    assert "networkData" not in entry


def lines(node: WholeNode) -> list[dict[str, Any]]:
    """All log lines, which are JSON objects without exception."""
    return [json.loads(line) for line in node.log().splitlines()]


def test_a_pod_can_be_followed_through_the_logs_of_all_who_handle_it(node: WholeNode) -> None:
    node.add_card("card0")
    node.up()
    node.ready("card0")
    attach_and_detach(node, "net")
    soon("the last word", lambda: any("brought back" in line["message"] for line in lines(node)))
    about = [line for line in lines(node) if line.get("pod") and line.get("claim") and line.get("trace")]
    assert {line["process"] for line in about} == {"dra", "nri", "dataplane"}
    assert {line["pod"] for line in about} == {"team/app"}
    assert {line["claim"] for line in about} == {"team/net"}
    traced = [line["trace"] for line in about if line["process"] != "dra"]
    assert len(set(traced)) == 1, "one trace from Prepare to the end"
    assert {line["process"] for line in lines(node)} == {"up", *PROCESSES}


def test_it_all_fits_its_memory_with_32_cards(node: WholeNode) -> None:
    names = [f"card{number}" for number in range(32)]
    for name in names:
        node.add_card(name)
    up = node.up()
    node.ready(*names)
    used = footprint_kib(node.pids(up).values())
    print(f"{used / 1024:.1f} MiB")
    assert used < BUDGET_KIB


def test_the_second_pod_of_a_claim_is_refused_and_its_events_say_why(node: WholeNode) -> None:
    node.add_card("card0")
    node.up()
    node.ready("card0")
    gate = prepare(node, node.claim(POD, "card0", interface={"name": "net1"}))
    node.runtime.run_pod_sandbox(POD, node.pod_path)
    second = PodRef(namespace="team", name="second", uid="second-uid")  # the kubelet sends no Prepare for it
    sandbox = node.runtime.run_pod_sandbox(second, None).sandbox
    refused = node.runtime.create_container(sandbox, "app", (), gate, node.root / "cdi").error
    assert "not attached to this pod" in refused
    soon("an event", lambda: any(_is_about(event, second) for event in node.api.events()))


def _is_about(event: dict[str, Any], pod: PodRef) -> bool:
    about = event["involvedObject"]
    return (about["kind"], about["name"], event["reason"]) == ("Pod", pod.name, "ContainerRefused")


GARBAGE = (
    b"\0" * 70000,
    b"\xff" * 64,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 999,
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
)


def test_garbage_on_every_socket_leaves_no_descriptor_and_no_thread_behind(node: WholeNode) -> None:
    node.add_card("card0")
    up = node.up()
    node.ready("card0")
    attach_and_detach(node, "before")
    pids = node.pids(up)
    sockets = [path for path in node.root.rglob("*") if path.is_socket() and path.name != "nri.sock"]
    assert {path.name for path in sockets} == {
        "dataplane.sock",
        "channel.sock",
        "watch.sock",
        "dra.sock",
        "dra.net-reg.sock",
    }
    assert len(sockets) == 8, "four of the dataplane, the watcher's, the outcomes', the kubelet's two"
    spoil(sockets)
    before = usage(pids)
    for _ in range(20):
        spoil(sockets)
    soon("what it was before", lambda: all(usage(pids)[name] <= before[name] for name in pids))
    assert node.pids(up) == pids, "none of them ended"
    assert "Traceback" not in node.log()
    attach_and_detach(node, "after")


def spoil(sockets: list[Path]) -> None:
    """Send garbage of all kinds to all of them, and hang up."""
    for path in sockets:
        for garbage in GARBAGE:
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(5)
                stranger.connect(str(path))
                with suppress(OSError):  # hung up on: as good an answer as any
                    stranger.sendall(garbage)


def usage(pids: dict[str, int]) -> dict[str, int]:
    """Descriptors and threads of each process, with room for what comes and goes by itself."""
    return {
        name: len(os.listdir(f"/proc/{pid}/fd")) + len(os.listdir(f"/proc/{pid}/task")) for name, pid in pids.items()
    }


def test_dra_is_registered_again_after_each_of_many_restarts(node: WholeNode) -> None:
    rounds = int(os.environ.get("KND_RESTARTS", "5"))
    node.add_card("card0")
    up = node.up()
    node.ready("card0")
    for number in range(rounds):
        offers = node.log().count("offered to the kubelet")
        first = node.pids(up)["dra"]
        os.kill(first, signal.SIGTERM if number % 2 else signal.SIGKILL)
        soon("another dra", lambda old=first: node.pids(up).get("dra", old) != old)  # type: ignore[misc]
        soon("its offer", lambda seen=offers: node.log().count("offered to the kubelet") > seen)  # type: ignore[misc]
        node.kubelet.wait_registered(DEFAULT_DRIVER, PATIENCE)
    soon("an answer", lambda: prepare(node, node.claim(POD, "card0")))
