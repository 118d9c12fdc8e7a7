"""Nodes with ResourceSlices: ours by the driver's own code from a made sysfs, the GPUs' as their driver would write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agent.domain.attributes import publishable, render
from agent.domain.sight import devices
from agent.domain.slices import diff, pool
from agent.domain.topology import GPU, NIC, Part, parts
from agent.host import opened
from agent.services.looking import Looking
from tests.support.machines.builder import Machine

DRIVER, GPU_DRIVER = "dra.net", "gpu.nvidia.com"
EXAMPLES = Path(__file__).parents[2] / "manifests/examples/aligned"
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node; ``parts`` by the name of their device."""

    name: str
    slices: tuple[Json, ...]
    parts: Mapping[str, Part]


def node(name: str, make: Callable[[Path], Machine], directory: Path) -> Node:
    """A node that is a machine of this type."""
    root = make(directory / name).root
    with opened(str(root), "") as host:
        found = devices(Looking(host.interfaces, host.hardware, host.rdma).everywhere(), DRIVER)
        known = parts(host.functions.functions(), found, {})
    rendered = [render(device, DRIVER) for device in publishable(found)[0]]
    ours = diff(pool(rendered, DRIVER, name, f"uid-of-{name}", {}), ()).create
    gpus = [part for part in known if part.role == GPU]
    cards = {device.name: part for part in known if part.role == NIC for device in part.devices}
    named = {f"gpu-{index}": part for index, part in enumerate(gpus)}
    return Node(name=name, slices=(*ours, _gpu_slice(name, named)), parts={**cards, **named})


def _gpu_slice(name: str, gpus: Mapping[str, Part]) -> Json:
    """What NVIDIA's driver publishes of whole GPUs, as far as it matters here."""
    made = [
        {
            "name": each,
            "attributes": {
                f"{GPU_DRIVER}/type": {"string": "gpu"},
                "resource.kubernetes.io/pciBusID": {"string": part.address},
                "resource.kubernetes.io/pcieRoot": {"string": part.root},
                "resource.kubernetes.io/numaNode": {"int": part.numa_node},
            },
        }
        for each, part in gpus.items()
    ]
    return {"spec": {"driver": GPU_DRIVER, "nodeName": name, "devices": made}}


def classes() -> dict[str, Json]:
    """The DeviceClasses of the examples, and the GPUs'."""
    expression = f'device.driver == "{GPU_DRIVER}" && device.attributes["{GPU_DRIVER}"].type == "gpu"'
    gpu = {"metadata": {"name": GPU_DRIVER}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}
    ours = yaml.safe_load_all((EXAMPLES / "classes.yaml").read_text(encoding="utf-8"))
    return {body["metadata"]["name"]: body for body in (*ours, gpu)}


@cache
def template(name: str) -> Json:
    """The spec of a claim that one of the examples makes."""
    found: Json = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))["spec"]["spec"]
    return found
