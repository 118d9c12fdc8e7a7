"""The node's configuration on a running node: taken over while everything runs, and never the worse for a mistake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ports.options import DEFAULT_DRIVER
from ports.plan import PodRef
from tests.support.eventually import eventually
from tests.support.wholenode import WholeNode

pytestmark = pytest.mark.netns
POD = PodRef(namespace="team", name="app", uid="pod-uid")
PATIENCE = 60.0
HEAD = "apiVersion: knd/v1\nkind: NodeConfiguration\n"
_numbers = count()


@pytest.fixture
def node() -> Iterator[WholeNode]:
    with WholeNode() as made:
        for name in ("card0", "card1"):
            made.add_card(name)
        yield made


def written(node: WholeNode, text: str) -> Path:
    """The file with this text, exchanged as the kubelet exchanges a ConfigMap's."""
    mount = node.root / "etc"
    inner = mount / f"..{next(_numbers)}"
    inner.mkdir(parents=True)
    (inner / "node.yaml").write_text(text)
    (mount / "..data_tmp").symlink_to(inner.name)
    os.rename(mount / "..data_tmp", mount / "..data")
    path = mount / "node.yaml"
    if not path.is_symlink():
        path.symlink_to("..data/node.yaml")
    return path


def told(node: WholeNode) -> list[str]:
    """What the Node's Events say of the configuration."""
    return [event["message"] for event in node.api.events() if event["reason"].startswith("NodeConfiguration")]


def test_a_configuration_is_taken_over_while_everything_runs(node: WholeNode) -> None:
    path = written(node, HEAD + "deny: [{interfaces: [card1]}]\nattributes: [{set: {example.com/rail: 3}}]\n")
    node.up(node_config=str(path))
    node.ready("card0")
    assert node.devices().keys() == {"card0"}
    assert node.devices()["card0"]["example.com/rail"] == 3

    written(node, HEAD + "deny: [{interfaces: [card1}]\n")
    eventually(lambda: any("line 3" in each for each in told(node)), PATIENCE)
    written(node, HEAD + "devices: {select: [{drivers: []}]}\n")
    eventually(lambda: any("devices.select[0].drivers: is empty" in each for each in told(node)), PATIENCE)
    assert node.devices().keys() == {"card0"}, "the last good one is in force"

    written(node, HEAD + "deny: [{interfaces: [card0]}]\n")
    eventually(lambda: node.devices().keys() == {"card1"}, PATIENCE)
    eventually(lambda: any("in force" in each for each in told(node)), PATIENCE)


def test_started_with_a_mistake_nothing_is_offered_or_moved_until_it_is_repaired(node: WholeNode) -> None:
    path = written(node, HEAD + "nonsense: 1\n")
    node.up(node_config=str(path))
    node.kubelet.wait_registered(DEFAULT_DRIVER, PATIENCE)
    eventually(lambda: "until the node's configuration is without mistakes" in node.log(), PATIENCE)
    eventually(lambda: any("unknown key nonsense" in each for each in told(node)), PATIENCE)
    assert node.devices() == {}
    written(node, HEAD)
    node.ready("card0", "card1")
