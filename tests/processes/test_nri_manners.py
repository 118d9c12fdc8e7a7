"""What ``knd nri`` must never do to a runtime, which takes plugins one by one and holds one lock while it waits for us."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.bus.frontends import RuntimeLinkClient
from adapters.nri.pb import nri_pb2 as nri
from ports.dataplane import Call
from ports.frontends import RuntimeState
from ports.places import Places
from tests.protocols.nri.test_plugin import CONTAINER, MESSAGE
from tests.support.children import Child, ended
from tests.support.nri.wire import Listener, eventually


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    listening = Listener(tmp_path / "nri.sock")
    yield listening
    listening.close()


def state(places: Places) -> RuntimeState:
    """What the DRA frontend asks again and again."""
    now = time.monotonic()
    return RuntimeLinkClient(places.state_socket).state(Call(key=str(now), deadline=now + 10))


def test_it_holds_one_connection_and_calls_the_runtime_for_nothing_but_to_register(
    tmp_path: Path, listener: Listener
) -> None:
    """A silent connection keeps other plugins out for 5 s, and a call from inside a hook waits for the hook's own lock."""
    places = Places(str(tmp_path / "run"))
    child = Child(
        tmp_path / "log", "agent.nri", f"--runtime-dir={places.runtime_dir}", f"--nri-socket={tmp_path}/nri.sock"
    )
    with ended(child):
        child.start()
        with listener.accept() as wire:
            wire.connect()  # the plugin speaks first; ``call`` fails on anything but the answer
            assert eventually(lambda: state(places).connected)
            for method, message in (
                ("RunPodSandbox", nri.PodRequest(pod=MESSAGE)),
                ("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER)),
                ("StopPodSandbox", nri.PodRequest(pod=MESSAGE)),
                ("RemovePodSandbox", nri.PodRequest(pod=MESSAGE)),
            ):
                assert wire.call(method, message).status.code == 0
            wire.sock.settimeout(1.0)
            with pytest.raises(TimeoutError):
                wire.receive()
            assert listener.waiting() == 0, "no second connection, for a probe or anything else"
