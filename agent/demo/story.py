"""The story: from an interface in the host to an interface in a pod, traffic, and the host as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin import network
from adapters.standin.collector import SeenSpan
from agent.demo.node import HOST_ROUTE, NIC, NIC_ADDRESS, NIC_MAC, NODE, PATIENCE, Node
from agent.demo.telling import Teller
from agent.domain.timeline import Row, draw
from ports.errors import Code, Failure
from ports.inbound import PodSandbox, PreparedDevice
from ports.options import DEFAULT_DRIVER
from ports.plan import ClaimRef, PodRef

POD = PodRef(namespace="demo", name="trainer-0", uid="6c0f7d1e-5a51-4f0b-9a3e-0d5c2f1a7b42")
CLAIM_NAME, REQUEST = "fast-nic", "nic"
POD_NIC, POD_ADDRESS, POD_MTU = "net1", "192.0.2.2/24", 1400
FABRIC_ADDRESS = "192.0.2.1"
PARAMETERS = {
    "interface": {"name": POD_NIC, "addresses": [POD_ADDRESS], "mtu": POD_MTU},
    "routes": [{"destination": "203.0.113.0/24", "gateway": FABRIC_ADDRESS}],
}
TRAFFIC_BYTES = 64 * 2**20
ROOT_SPAN = "attach"


def tell(node: Node, teller: Teller) -> None:
    """All of it, in order; a Failure where something did not come true."""
    print("A pod gets a real network interface, and the host gets it back.\n")
    _host(node, teller)
    before = network.describe()
    _cluster(node, teller)
    _driver(node, teller)
    claim = _claim(node, teller)
    device = _prepare(node, teller, claim)
    sandbox = _sandbox(node, teller)
    _container(node, teller, sandbox, device)
    _inside(node, teller, claim)
    _timeline(node, teller)
    _end(node, teller, claim, sandbox)
    _compare(node, teller, before)


def _host(node: Node, teller: Teller) -> None:
    with teller.step("a host of its own", "private namespaces, so that nothing of this machine is touched"):
        node.build_host()
        teller.say(f"{NIC} {NIC_MAC} {NIC_ADDRESS}, cabled to a fabric; route {HOST_ROUTE[0]} via {HOST_ROUTE[1]}")


def _cluster(node: Node, teller: Teller) -> None:
    with teller.step("a cluster around it", "stand-ins that speak the real protocols"):
        node.start_cluster()
        teller.say("API server (HTTP/JSON), kubelet (DRA gRPC), container runtime (NRI ttrpc), trace collector (OTLP)")


def _driver(node: Node, teller: Teller) -> None:
    with teller.step("knd", "dataplane, watch, nri and dra, each a process of its own"):
        node.start_driver()
        node.wait_for(f"registration of {DEFAULT_DRIVER}", lambda: node.kubelet.plugin(DEFAULT_DRIVER))
        attributes = node.wait_for(f"a ResourceSlice with {NIC}", lambda: _published(node))
        teller.say(f"registered with the kubelet as {DEFAULT_DRIVER}; the ResourceSlice of {NODE} offers {NIC}:")
        teller.say(" ".join(f"{name.rpartition('/')[2]}={value}" for name, value in attributes.items()))


def _claim(node: Node, teller: Teller) -> ClaimRef:
    with teller.step("a claim", "what a user writes, and what the scheduler decides"):
        opaque = {"opaque": {"driver": DEFAULT_DRIVER, "parameters": PARAMETERS}}
        stored = node.api.create_claim(CLAIM_NAME, POD.namespace, (REQUEST,), (opaque,))
        node.api.allocate(stored, (REQUEST, NODE, NIC), driver=DEFAULT_DRIVER, pod=(POD.name, POD.uid))
        claim = ClaimRef(namespace=POD.namespace, name=CLAIM_NAME, uid=stored["metadata"]["uid"])
        teller.say(f"{claim}: {NIC} of {NODE} for {POD}, as {POD_NIC}, {POD_ADDRESS}, MTU {POD_MTU}")
        return claim


def _prepare(node: Node, teller: Teller, claim: ClaimRef) -> PreparedDevice:
    with teller.step("prepare", "kubelet → dra → dataplane: plan it, check it, write it down"):
        answer = node.kubelet.prepare(DEFAULT_DRIVER, (claim,))[0]
        _demand(str(claim), answer.error)
        device = answer.devices[0]
        teller.say(f"device {device.pool}/{device.device}; its gate is {', '.join(device.cdi_device_ids)}")
        return device


def _sandbox(node: Node, teller: Teller) -> PodSandbox:
    with teller.step("pod sandbox", "runtime → nri → dataplane: attach"):
        ran = node.runtime.run_pod_sandbox(POD, str(node.pod_netns))
        _demand(str(POD), ran.error)
        teller.say(f"sandbox {ran.sandbox.id[:12]} in {node.pod_netns}")
        return ran.sandbox


def _container(node: Node, teller: Teller, sandbox: PodSandbox, device: PreparedDevice) -> None:
    with teller.step("container", "created only because its interface is there"):
        created = node.runtime.create_container(sandbox, "main", (), device.cdi_device_ids, node.cdi_root)
        _demand(str(POD), created.error)
        teller.say(" ".join(entry for entry in created.container.env if entry.startswith("KND_")))


def _inside(node: Node, teller: Teller, claim: ClaimRef) -> None:
    with teller.step("inside the pod", "what the kernel says, and traffic"):
        for line in network.describe(node.pod_netns):
            if POD_NIC in line and "fe80" not in line and "table 255" not in line:
                teller.say(line)
        traffic = network.transfer(node.pod_netns, node.fabric, FABRIC_ADDRESS, TRAFFIC_BYTES)
        teller.say(f"{traffic.sent // 2**20} MiB over TCP to the fabric at {traffic.gigabits:.1f} Gbit/s")
        status = node.wait_for("the claim's status", lambda: node.api.device_status(claim.namespace, claim.name))
        data = status[0]["networkData"]
        teller.say(f"status.devices: {data['interfaceName']} {data['hardwareAddress']} {', '.join(data['ips'])}")


def _timeline(node: Node, teller: Teller) -> None:
    with teller.step("the attach, step by step", "its OpenTelemetry trace: start, duration"):
        root = node.collector.wait_for(ROOT_SPAN, PATIENCE)
        if root is None:
            raise Failure(Code.DEADLINE, "trace", f"no span named {ROOT_SPAN} within {PATIENCE:g} s")
        for line in draw(tuple(_rows(root, node.collector.spans()))):
            teller.say(line)


def _end(node: Node, teller: Teller, claim: ClaimRef, sandbox: PodSandbox) -> None:
    with teller.step("the pod ends", "runtime → nri → dataplane: detach; kubelet → dra → dataplane: unprepare"):
        _demand(str(POD), node.runtime.stop_pod_sandbox(sandbox))
        _demand(str(claim), node.kubelet.unprepare(DEFAULT_DRIVER, (claim,))[0].error)
        teller.say(f"{NIC} is back in the host")


def _compare(node: Node, teller: Teller, before: tuple[str, ...]) -> None:
    with teller.step("the host", "compared line by line with what it was before the pod"):
        lines = node.wait_for("the host as it was", lambda: before if network.describe() == before else None)
        teller.say(f"links, addresses, routes: all {len(lines)} lines equal")


def _published(node: Node) -> Mapping[str, Any] | None:
    devices = [device for entry in node.api.slices(DEFAULT_DRIVER) for device in entry["spec"]["devices"]]
    found = next((device for device in devices if device["name"] == NIC), None)
    return found and {name: next(iter(value.values())) for name, value in found["attributes"].items()}


def _rows(root: SeenSpan, spans: tuple[SeenSpan, ...], depth: int = 0) -> Iterator[Row]:
    yield Row(label=root.name, start_ns=root.start_ns, end_ns=root.end_ns, depth=depth)
    for child in spans:
        if child.parent == root.span:
            yield from _rows(child, spans, depth + 1)


def _demand(subject: str, error: str) -> None:
    if error:
        raise Failure(Code.INTERNAL, subject, error)
