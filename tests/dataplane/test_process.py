"""The privileged process as a process: what it loads, keeps and refuses, and what kill -9 leaves."""

from __future__ import annotations

import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ports.errors import Code, Failure
from ports.results import Held, Verdict
from tests.dataplane.process import POD, Node, private_node, stop
from tests.support.plans import claim_ref, plan

pytestmark = pytest.mark.netns

CLAIM = claim_ref("nics")
NEVER_LOADED = {
    "agent",
    "aiohttp",
    "asyncio",
    "google",
    "grpc",
    "http",
    "httpx",
    "kubernetes",
    "opentelemetry",
    "pyudev",
    "requests",
    "subprocess",
    "urllib3",
}
CAPABILITIES = (1 << 12) | (1 << 13) | (1 << 21)  # CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN


@pytest.fixture
def node() -> Iterator[Node]:
    """A private node without a process."""
    with private_node() as made:
        yield made


@pytest.fixture
def process(node: Node) -> Iterator[subprocess.Popen[str]]:
    """Its dataplane."""
    started = node.start()
    yield started
    stop(started)


def prepare(node: Node) -> None:
    node.preparing.prepare(plan(*node.devices, claim=CLAIM, pod=POD), node.call())


def spec_files(node: Node) -> list[Path]:
    return sorted(node.cdi.glob("*.json")) if node.cdi.exists() else []


def test_a_pod_gets_its_devices_and_the_host_gets_them_back(node: Node, process: subprocess.Popen[str]) -> None:
    seen = node.preparing.inspect(tuple(device.link.identity for device in node.devices), node.call())
    assert tuple(replace(facts, offloads=replace(facts.offloads, fixed=())) for facts in seen) == node.devices
    prepare(node)
    attached = node.attaching.attach(node.sandbox(), node.call())
    assert [device.interface for device in attached.devices] == ["net1", "net2"]
    assert node.in_pod() == {"net1", "net2"}
    assert [path.name for path in spec_files(node)] == [f"dra.net-attached_{CLAIM.uid}.json"]
    node.attaching.detach(node.sandbox(), node.call())
    assert (node.in_pod(), spec_files(node), node.facts()) == (set(), [], node.devices)


def test_it_loads_no_library_that_talks_to_the_network(node: Node, process: subprocess.Popen[str]) -> None:
    prepare(node)
    node.attaching.attach(node.sandbox(), node.call())
    node.attaching.reconcile((), node.call())
    node.preparing.unprepare(CLAIM.uid, node.call())
    process.terminate()
    assert process.wait(20) == 0
    loaded = {module.partition(".")[0] for module in node.output().splitlines()}
    assert {"dataplane", "zmq", "msgpack"} <= loaded
    assert loaded & NEVER_LOADED == set()


def test_it_keeps_three_capabilities_and_can_gain_none(process: subprocess.Popen[str]) -> None:
    status = Path(f"/proc/{process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(fields[name], 16) == CAPABILITIES
    assert int(fields["CapInh"], 16) == int(fields["CapAmb"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


def test_nobody_else_gets_into_its_directories(node: Node, process: subprocess.Popen[str]) -> None:
    run = Path(node.places.runtime_dir)
    for directory in (run, run / "ledger", run / "prepare", run / "attach"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_second_one_on_the_same_directory_is_refused_and_the_first_goes_on(
    node: Node, process: subprocess.Popen[str]
) -> None:
    second = node.start(wait=False)
    assert second.wait(30) == 1
    assert f"process {process.pid}" in node.output()
    assert "Traceback" not in node.output()
    assert node.attaching.held(node.call()) == ()


@pytest.mark.parametrize("flag", ["--no-such-flag", "--runtime-dir=relative", "--log-level=loud"])
def test_a_bad_flag_ends_it_with_one_line(node: Node, flag: str) -> None:
    process = node.start(flag, wait=False)
    assert process.wait(30) == 2
    lines = node.output().splitlines()
    assert flag.partition("=")[0] in lines[0]
    assert len(lines) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds_and_leaves_the_pod_its_devices(
    node: Node, process: subprocess.Popen[str], number: signal.Signals
) -> None:
    prepare(node)
    node.attaching.attach(node.sandbox(), node.call())
    told = time.monotonic()
    process.send_signal(number)
    assert process.wait(30) == 0
    assert time.monotonic() - told < 2
    assert node.in_pod() == {"net1", "net2"}
    assert len(spec_files(node)) == 1


def test_after_kill_between_prepare_and_attach_the_pod_gets_its_devices(
    node: Node, process: subprocess.Popen[str]
) -> None:
    prepare(node)
    stop(process)
    again = node.start()
    try:
        assert node.preparing.prepared(CLAIM.uid, node.call()) == plan(*node.devices, claim=CLAIM, pod=POD)
        assert len(node.attaching.attach(node.sandbox(), node.call()).devices) == 2
    finally:
        stop(again)


def test_after_kill_while_attached_it_holds_the_pod_again(node: Node, process: subprocess.Popen[str]) -> None:
    prepare(node)
    first = node.attaching.attach(node.sandbox(), node.call())
    stop(process)
    for path in spec_files(node):
        path.unlink()
    again = node.start()
    try:
        assert len(spec_files(node)) == 1
        report = node.attaching.reconcile((node.sandbox(started=True),), node.call())
        assert [finding.verdict for finding in report.findings] == [Verdict.ADOPTED]
        assert report.attached[0].devices == first.devices
        node.attaching.detach(node.sandbox(), node.call())
        assert (node.in_pod(), node.facts()) == (set(), node.devices)
    finally:
        stop(again)


@pytest.mark.parametrize("milliseconds", [5, 20, 60])
def test_after_kill_in_the_middle_all_is_here_or_all_is_there(node: Node, milliseconds: int) -> None:
    process = node.start()
    prepare(node)
    worker = threading.Thread(target=_attach_and_detach, args=(node,))
    worker.start()
    time.sleep(milliseconds / 1000)
    stop(process)
    worker.join(30)
    again = node.start()
    try:
        _check_one_outcome(node)
        assert [held.interface for held in _attached_again(node)] == ["net1", "net2"]
        node.attaching.detach(node.sandbox(), node.call())
        assert (node.in_pod(), spec_files(node), node.facts()) == (set(), [], node.devices)
    finally:
        stop(again)


def _attach_and_detach(node: Node) -> None:
    with suppress(Failure):
        node.attaching.attach(node.sandbox(), node.call(2.0))
        node.attaching.detach(node.sandbox(), node.call(2.0))


def _check_one_outcome(node: Node) -> None:
    held = [each.interface for each in node.attaching.held(node.call())]
    if held:
        assert (held, node.in_pod(), len(spec_files(node))) == (["net1", "net2"], {"net1", "net2"}, 1)
    else:
        assert (node.in_pod(), spec_files(node), node.facts()) == (set(), [], node.devices)


def _attached_again(node: Node) -> list[Held]:
    node.attaching.attach(node.sandbox(), node.call())
    return list(node.attaching.held(node.call()))


def test_a_runtime_directory_of_somebody_else_is_refused(node: Node, tmp_path: Path) -> None:
    Path(node.places.runtime_dir).symlink_to(tmp_path)
    process = node.start(wait=False)
    assert process.wait(30) == 1
    assert "is not a directory of this user" in node.output()


def test_a_path_that_is_no_namespace_is_refused_over_the_bus(node: Node, process: subprocess.Popen[str]) -> None:
    prepare(node)
    for path, code in (("/etc/hostname", Code.REFUSED), ("/no/such/file", Code.NOT_FOUND)):
        with pytest.raises(Failure) as caught:
            node.attaching.attach(replace(node.sandbox(), netns=path), node.call())
        assert caught.value.code is code
    assert node.facts() == node.devices
