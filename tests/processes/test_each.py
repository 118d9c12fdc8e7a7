"""Each process alone: it serves without its peers, loads only what is its business, and stops when told."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports.places import Places
from tests.support.processes import Node, appears

CLUSTER = {"grpc", "kubernetes"}
HTTP = {"http", "urllib3", "requests", "httplib2", "httpx", "aiohttp"}
FORBIDDEN = {
    "dra": {"dataplane", "pyroute2", "pyudev", "prompt_toolkit", "rich", "typer"},
    "nri": {"dataplane", "pyroute2", "pyudev"} | CLUSTER,
    "watch": {"dataplane", "opentelemetry", "google"} | CLUSTER | HTTP,
    "dataplane": {"agent", "opentelemetry", "pyudev", "google"} | CLUSTER | HTTP,
}


@pytest.fixture
def node() -> Iterator[Node]:
    """A node's directory with a short path."""
    with tempfile.TemporaryDirectory(prefix="knd-node-") as directory:
        yield Node(Path(directory))


def serves(node: Node, name: str) -> bool:
    """Whether the process comes to serve its socket."""
    places = Places(str(node.runtime_dir))
    sockets = {
        "dra": places.outcomes_socket,
        "nri": places.state_socket,
        "watch": places.inventory_socket,
        "dataplane": places.attach_socket,
    }
    return appears(sockets[name])


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_process_loads_nothing_that_is_not_its_business(node: Node, name: str) -> None:
    with node.running(name) as process:
        assert serves(node, name), node.log(name)
        time.sleep(0.5)  # what it does after its start may import too
        process.terminate()
        process.wait(30)
    imported = node.imported(name)
    assert "zmq" in imported, "the imports were not seen"
    assert sorted(module for module in imported if module.split(".")[0] in FORBIDDEN[name]) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_process_stops_cleanly_when_told(node: Node, name: str, number: signal.Signals) -> None:
    with node.running(name) as process:
        assert serves(node, name), node.log(name)
        told = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == 0, node.log(name)
        assert time.monotonic() - told < 2.5
    assert "Traceback" not in node.log(name)


@pytest.mark.parametrize("name", ["nri", "watch", "dataplane"])
def test_a_second_process_of_a_kind_is_refused_and_the_first_goes_on(node: Node, name: str) -> None:
    with node.running(name) as first:
        assert serves(node, name), node.log(name)
        with node.running(name, log="second") as second:
            assert second.wait(30) == 1
        assert f"{first.pid}" in node.log("second")
        assert "Traceback" not in node.log("second")
        assert first.poll() is None


def test_knd_dataplane_becomes_the_dataplane_and_leaves_no_agent_behind(node: Node) -> None:
    flags = node.command("dataplane")[4:]
    argv = [sys.executable, "-m", "agent.cli", "dataplane", *flags]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            assert serves(node, "dataplane")
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
            assert words == [sys.executable, "-P", "-m", "dataplane", *flags]
        finally:
            process.terminate()
