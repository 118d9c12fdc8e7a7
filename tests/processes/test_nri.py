"""``knd nri`` as a process, between a container runtime's stand-in and a dataplane that comes and goes."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.bus.dataplane import AttachingClient, PreparingClient
from adapters.bus.frontends import RuntimeLinkClient, serve_outcomes
from adapters.standin.collector import Collector
from adapters.standin.runtime import Runtime
from ports.dataplane import Call
from ports.errors import Failure
from ports.frontends import Outcome
from ports.gate import marker
from ports.inbound import PodSandbox
from ports.places import Places
from ports.plan import PodRef
from tests.support.children import Child, ended
from tests.support.dataplane.host import hardware
from tests.support.plans import TRACEPARENT, claim_ref, plan, pod_ref

NETNS = "/var/run/netns/cni-1"
STRANGER = pod_ref("stranger")


class Node:
    """A runtime directory with everything around ``knd nri``; nothing runs before it is started."""

    def __init__(self, directory: Path) -> None:
        self.runtime_dir = directory / "run"
        self.places = Places(str(self.runtime_dir))
        self.outcomes: list[Outcome] = []
        self.runtime = Runtime(str(directory / "nri.sock"))
        self.collector = Collector()
        here = f"--runtime-dir={self.runtime_dir}"
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        arguments = (here, f"--nri-socket={directory / 'nri.sock'}", "--log-format=json", "--log-level=debug")
        self.nri = Child(directory / "nri.log", "agent.nri", *arguments, env=env)
        self.dataplane = Child(directory / "dataplane.log", "tests.support.dataplane", here)
        self.desk = serve_outcomes(self.places.outcomes_socket, self)
        self._keys = itertools.count()

    def report(self, outcome: Outcome, call: Call) -> None:
        """Take outcomes over, as the DRA frontend does."""
        self.outcomes.append(outcome)

    def call(self) -> Call:
        """A call with time left."""
        return Call(key=f"node-{next(self._keys)}", deadline=time.monotonic() + 20)

    def start_nri(self) -> None:
        """Start it and wait for the runtime to take it in."""
        self.nri.start()
        assert self.runtime.wait_for_plugins(timeout=20), self.nri.output

    def start_dataplane(self) -> None:
        """Start it and wait until it serves."""
        starts = self.dataplane.output.count("serving")
        self.dataplane.start()
        assert soon(lambda: self.dataplane.output.count("serving") > starts), self.dataplane.output

    def prepare(self) -> None:
        """The DRA side's part: the pod ``web`` has the card ens1 as net1."""
        PreparingClient(self.places.prepare_socket).prepare(plan(hardware(3, "ens1")), self.call())

    def held(self) -> list[str]:
        """The sandboxes that hold something."""
        return [each.sandbox for each in AttachingClient(self.places.attach_socket).held(self.call())]

    def run(self, pod: PodRef | None = None) -> PodSandbox:
        """RunPodSandbox, which never fails because of us."""
        ran = self.runtime.run_pod_sandbox(pod or pod_ref(), NETNS)
        assert ran.error == ""
        return ran.sandbox

    def create(self, sandbox: PodSandbox, *env: str) -> str:
        """CreateContainer; why it is refused, if it is."""
        return self.runtime.create_container(sandbox, "app", env=env).error


def soon(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with a runtime and a desk for outcomes; the processes are started by the tests."""
    made = Node(tmp_path)
    with ended(made.nri, made.dataplane):
        made.runtime.start()
        made.desk.start()
        made.collector.start()
        try:
            yield made
        finally:
            made.collector.stop()
            made.desk.stop()
            made.runtime.stop()


def test_a_pod_gets_its_device_and_gives_it_back(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    sandbox = node.run()
    assert node.held() == [sandbox.id]
    assert node.create(sandbox) == ""
    assert soon(lambda: [(each.error, each.devices[0].interface) for each in node.outcomes] == [("", "net1")])
    assert node.runtime.stop_pod_sandbox(sandbox) == ""
    assert node.held() == []
    assert node.runtime.remove_pod_sandbox(sandbox) == ""


def test_the_attach_is_a_trace_of_the_claim(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    node.run()
    step, attach = node.collector.wait_for("move", 20), node.collector.wait_for("attach", 20)
    assert step is not None
    assert attach is not None
    assert TRACEPARENT.startswith(f"00-{attach.trace}-{attach.parent}")
    assert attach.attributes["k8s.pod.name"] == "web"
    assert (step.trace, attach.start_ns <= step.start_ns <= step.end_ns <= attach.end_ns) == (attach.trace, True)


def test_its_log_names_pod_claim_and_trace(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    node.run()
    lines = [json.loads(line) for line in node.nri.output.splitlines()]
    (attached,) = [line for line in lines if line["message"].startswith("attached net1")]
    assert (attached["pod"], attached["claim"]) == ("apps/web", "apps/nics")
    assert attached["trace"] in TRACEPARENT


def test_pods_that_are_not_ours_pass_without_a_dataplane(node: Node) -> None:
    node.start_nri()
    sandbox = node.run(STRANGER)
    assert node.create(sandbox) == ""
    assert node.runtime.stop_pod_sandbox(sandbox) == ""
    assert node.runtime.dropped == ()


def test_a_dataplane_killed_after_prepare_shuts_the_gate_until_it_is_back(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    node.dataplane.kill()
    sandbox = node.run()
    refusal = node.create(sandbox)
    assert "claim apps/nics not attached" in refusal
    assert "knd dataplane" in refusal
    node.start_dataplane()
    assert node.create(sandbox) == ""
    assert node.held() == [sandbox.id]
    assert node.runtime.dropped == ()
    assert soon(lambda: bool(node.outcomes) and node.outcomes[-1].error == "")


def test_a_dataplane_killed_after_the_attach_keeps_nobody_from_running(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    sandbox = node.run()
    node.dataplane.kill()
    assert node.create(sandbox) == ""


def test_a_stop_that_the_dataplane_missed_is_made_up_for(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    sandbox = node.run()
    node.dataplane.kill()
    assert node.runtime.stop_pod_sandbox(sandbox) == ""
    node.start_dataplane()
    assert soon(lambda: node.held() == [])


def test_a_sandbox_that_started_while_we_were_killed_is_attached_when_we_are_back(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    node.nri.kill()
    sandbox = node.run()
    assert node.held() == []
    node.start_nri()
    assert soon(lambda: node.held() == [sandbox.id])
    assert soon(lambda: [each.error for each in node.outcomes] == [""])
    assert node.create(sandbox) == ""


def test_after_a_kill_every_attached_pod_is_told_again_and_keeps_its_device(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    sandbox = node.run()
    assert node.create(sandbox) == ""
    assert soon(lambda: len(node.outcomes) == 1)
    node.nri.kill()
    node.start_nri()
    assert soon(lambda: len(node.outcomes) == 2)
    assert node.outcomes[0].devices == node.outcomes[1].devices
    assert node.held() == [sandbox.id]


def test_outcomes_wait_for_a_dra_frontend_that_is_away(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.desk.stop()
    node.prepare()
    node.run()
    node.desk = serve_outcomes(node.places.outcomes_socket, node)
    node.desk.start()
    assert soon(lambda: [each.error for each in node.outcomes] == [""])


def test_it_comes_back_when_the_runtime_restarts(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    sandbox = node.run()
    node.runtime.restart()
    assert node.runtime.wait_for_plugins(timeout=20)
    assert node.create(sandbox) == ""
    assert node.held() == [sandbox.id]


def test_the_second_pod_of_a_claim_is_refused(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    node.run()
    second = node.run(STRANGER)
    assert "ResourceClaimTemplate" in node.create(second, f"{marker(claim_ref().uid)}=net1")


def test_a_torn_record_shuts_the_gate_of_its_pod_alone(node: Node) -> None:
    node.start_dataplane()
    node.start_nri()
    node.prepare()
    (Path(node.places.ledger) / f"{pod_ref().uid}.json").write_text("{")
    assert "delete the pod" in node.create(node.run())
    assert node.create(node.run(STRANGER)) == ""


def test_its_state_is_told_on_the_bus(node: Node) -> None:
    link = RuntimeLinkClient(node.places.state_socket)
    with pytest.raises(Failure):
        link.state(node.call())
    node.start_nri()
    assert soon(lambda: link.state(node.call()).connected)
    assert link.state(node.call()).runtime == "containerd"
    node.runtime.stop()
    assert soon(lambda: not link.state(node.call()).connected)
    assert link.state(node.call()).detail


def test_sigterm_ends_it_in_time_while_connected(node: Node) -> None:
    node.start_nri()
    assert soon(lambda: "connected" in node.nri.output)
    code, seconds = node.nri.terminate()
    assert (code, seconds < 2.0) == (0, True)
    assert node.runtime.dropped == ()


def test_sigterm_ends_it_in_time_while_everybody_is_away(node: Node) -> None:
    node.runtime.stop()
    node.desk.stop()
    node.collector.stop()
    node.nri.start()
    assert soon(lambda: "not connected" in node.nri.output)
    code, seconds = node.nri.terminate()
    assert (code, seconds < 2.0) == (0, True)


def test_a_second_one_on_the_same_runtime_directory_is_refused(node: Node, tmp_path: Path) -> None:
    node.start_nri()
    second = Child(tmp_path / "second.log", "agent.nri", f"--runtime-dir={node.runtime_dir}")
    with ended(second):
        second.start()
        assert second.wait() == 1
    assert "already" in second.output


@pytest.mark.parametrize("flag", ["--no-such-flag", "--nri-socket=relative", "--log-level=loud"])
def test_a_bad_flag_is_one_line_and_status_two(flag: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.nri", flag], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_it_loads_nothing_of_kubernetes_of_the_kernel_or_of_telemetry_unasked() -> None:
    look = "import sys, agent.nri; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert "zmq" in done.stdout
    for name in ("grpc", "kubernetes", "pyroute2", "pyudev", "opentelemetry", "requests", "dataplane"):
        assert f"'{name}'" not in done.stdout
