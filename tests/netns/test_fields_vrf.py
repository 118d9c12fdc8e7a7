"""VRFs as claims ask for them, which this kernel may lack: in the emulated machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netns.fields import Pod

pytestmark = pytest.mark.vm
ADDRESSES: dict[str, Any] = {"addresses": ["10.0.0.5/24", "2001:db8:5::5/64"]}
DEFAULT = {"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """A pod and a host; after each test the devices go back, and the host is compared."""
    made = Pod(tmp_path)
    try:
        yield made
        made.detach()
    finally:
        made.close()


def test_the_interface_is_a_port_of_the_vrf_with_all_that_it_was_given(pod: Pod) -> None:
    pod.attach({"interface": {**ADDRESSES, "vrf": {"name": "blue"}}, "routes": [DEFAULT]})
    assert pod.link()["master"] == "blue"
    assert pod.link("blue")["linkinfo"]["info_data"]["table"] == 1541
    assert {each["local"] for each in pod.addresses()} == {"10.0.0.5", "2001:db8:5::5"}
    assert [each["dst"] for each in pod.routes(table="1541")] == ["default"]


def test_two_interfaces_can_be_in_one_vrf_of_a_table_of_the_claims_choice(pod: Pod) -> None:
    vrf = {"name": "blue", "table": 77}
    pod.attach({"interface": {**ADDRESSES, "vrf": vrf}}, {"interface": {"addresses": ["10.1.0.5/24"], "vrf": vrf}})
    assert pod.link("net1")["master"] == pod.link("net2")["master"] == "blue"
    assert pod.link("blue")["linkinfo"]["info_data"]["table"] == 77


def test_what_the_host_had_goes_along_into_the_vrf(pod: Pod) -> None:
    pod.attach({"interface": {"vrf": {"name": "blue"}}})
    assert {each["local"] for each in pod.addresses()} == {"192.0.2.1", "2001:db8::1"}
    assert [each["dst"] for each in pod.routes(table="1541")] == ["198.51.1.0/24"]
