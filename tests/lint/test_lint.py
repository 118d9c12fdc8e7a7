"""``knd lint``: a line a mistake, with file, object and path, for what people write before they apply it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agent.lint import main

DRIVER = "dra.net"


def entry(parameters: Any, *requests: str, driver: str = DRIVER) -> dict[str, Any]:
    return {"requests": list(requests), "opaque": {"driver": driver, "parameters": parameters}}


def claim(*config: Any, requests: Any = ({"name": "nic", "exactly": {"deviceClassName": "fast"}},)) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "net", "namespace": "team"},
        "spec": {"devices": {"requests": list(requests), "config": list(config)}},
    }


def template(*config: Any) -> dict[str, Any]:
    inner = claim(*config)
    return {**inner, "kind": "ResourceClaimTemplate", "spec": {"spec": inner["spec"]}}


def device_class(*config: Any, name: str = "fast") -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"config": list(config)},
    }


class Linter:
    """Writes objects into a file and lints it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._directory = directory
        self._capsys = capsys
        self.status = 0

    def __call__(self, *objects: Any) -> list[str]:
        path = self._directory / "objects.yaml"
        path.write_text("\n---\n".join(json.dumps(each) for each in objects))
        return self.text(path)

    def text(self, path: Path, *flags: str) -> list[str]:
        self.status = main([str(path), *flags])
        return [line.removeprefix(f"{path}: ") for line in self._capsys.readouterr().out.splitlines()]


@pytest.fixture
def lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Linter:
    return Linter(tmp_path, capsys)


BAD = {"interface": {"mtu": 67}}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (claim(entry(BAD)), "ResourceClaim team/net: spec.devices.config[0]"),
        (template(entry({}), entry(BAD)), "ResourceClaimTemplate team/net: spec.spec.devices.config[1]"),
        (device_class(entry(BAD)), "DeviceClass fast: spec.config[0]"),
        ({"kind": "List", "items": [claim(entry(BAD))]}, "ResourceClaim team/net: spec.devices.config[0]"),
        (
            {**claim(entry(BAD)), "apiVersion": "resource.k8s.io/v1beta1"},
            "ResourceClaim team/net: spec.devices.config[0]",
        ),
    ],
)
def test_a_mistake_is_one_line_with_object_and_path(lint: Linter, body: Any, place: str) -> None:
    (line,) = lint(body)
    assert line.startswith(f"{place}.opaque.parameters.interface.mtu: 67 is below 68")
    assert lint.status == 1


def test_what_is_right_is_no_line_and_status_0(lint: Linter) -> None:
    body = claim(entry({"interface": {"name": "net1"}}, "nic"))
    assert lint(body, device_class(), {"kind": "Pod", "apiVersion": "v1"}, None, "text") == []
    assert lint.status == 0


def test_parameters_of_another_driver_and_of_other_kinds_are_passed_over(lint: Linter) -> None:
    other = {**claim(entry(BAD)), "apiVersion": "example.com/v1"}
    assert lint(claim(entry(BAD, driver="gpu.example.com")), other, {**claim(entry(BAD)), "kind": "Pod"}) == []


def test_another_driver_name_can_be_checked(lint: Linter, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(claim(entry(BAD, driver="net.example.com"))))
    assert len(lint.text(path, "--driver-name=net.example.com")) == 1


def test_a_request_that_is_not_there_is_told(lint: Linter) -> None:
    (line,) = lint(claim(entry({}, "nic", "nicc")))
    assert "config[0].requests[1]: 'nicc' is no request of this claim (it has nic)" in line


def test_subrequests_are_requests(lint: Linter) -> None:
    requests = ({"name": "nic", "firstAvailable": [{"name": "fast", "deviceClassName": "fast"}]},)
    assert lint(claim(entry({}, "nic", "nic/fast"), requests=requests)) == []
    assert len(lint(claim(entry({}, "nic/slow"), requests=requests))) == 1


VRF = {"interface": {"vrf": {"name": "blue"}}}
RULES = {"rules": [{"priority": 100, "table": 100}]}


def test_entries_that_do_not_go_together_are_told(lint: Linter) -> None:
    (line,) = lint(claim(entry(VRF), entry(RULES, "nic")))
    assert "spec.devices.config: request nic: rules: cannot be given together with interface.vrf" in line


def test_a_claim_is_looked_at_with_its_class(lint: Linter) -> None:
    (line,) = lint(device_class(entry(VRF)), claim(entry(RULES)))
    assert "ResourceClaim team/net" in line
    assert "(rules is from the claim, interface.vrf.name is from the device class)" in line
    assert lint(device_class(entry(VRF), name="slow"), claim(entry(RULES))) == []


def test_a_class_by_itself_can_have_entries_that_do_not_go_together(lint: Linter) -> None:
    (line,) = lint(device_class(entry(VRF), entry(RULES)))
    assert line.startswith("DeviceClass fast: spec.config: rules: cannot be given together")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2\n", "line 2: the key 'a' comes twice"),
        ("a: [\n", "line 2: "),
        ("- &x [*x]\n- !!python/object:os.system x\n", "line 2: could not determine a constructor"),
        ("\x00", "special characters are not allowed"),
        ("[" * 5000, "recursion"),
    ],
)
def test_what_is_no_yaml_is_a_mistake_of_the_file(lint: Linter, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    (line,) = lint.text(path)
    assert words in line
    assert lint.status == 1


def test_a_file_that_is_not_there_is_a_mistake(lint: Linter, tmp_path: Path) -> None:
    assert lint.text(tmp_path / "none.yaml") == ["cannot be read: No such file or directory"]


def test_a_mac_address_without_quotes_is_text_as_for_the_api_server(lint: Linter, tmp_path: Path) -> None:
    path = tmp_path / "mac.yaml"
    body = json.dumps(claim(entry({"interface": {"hardwareAddr": "HERE"}}))).replace('"HERE"', "12:20:30:40:50:55")
    path.write_text(body)
    assert lint.text(path) == []


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(claim(entry(BAD)))))
    assert main(["-"]) == 1
    assert capsys.readouterr().out.startswith("-: ResourceClaim team/net: ")


@pytest.mark.parametrize("words", [[], ["--no-such-flag"]])
def test_a_call_without_sense_is_one_line_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_schema_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors({"interface": {"mtu": 9000}}))


NODE = {"apiVersion": "knd/v1", "kind": "NodeConfiguration", "deny": [{"macs": ["x"]}]}


def test_a_node_configuration_is_checked_with_the_path_of_each_mistake(lint: Linter) -> None:
    assert lint(NODE) == ["NodeConfiguration: deny[0].macs[0]: 'x' is no MAC address, such as 02:00:5e:10:00:01"]
    assert lint.status == 1
    assert lint(NODE | {"deny": []}) == []
    assert lint.status == 0


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("node.yaml", "kind: NodeConfiguration\napiVersion: knd/v1\ndeny: 3", "deny: expected a list, got int"),
        ("other.yaml", "kind: NodeConfiguration\napiVersion: knd/v1\ndeny: 3", "deny: expected a list, got int"),
        ("node.yaml", "", "file: holds 0 documents; write one NodeConfiguration"),
        ("node.yaml", "a: [", "line 1: expected the node content, but found '<stream end>'"),
    ],
)
def test_a_node_configuration_in_a_config_map_is_checked(lint: Linter, key: str, text: str, told: str) -> None:
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "knd-node"},
        "data": {key: text, "else": "x: ["},
    }
    assert lint({"kind": "List", "items": [held]}) == [f"ConfigMap knd-node: data[{key}]: {told}"]


def test_the_schema_of_the_node_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--node-schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["kind"]["enum"] == ["NodeConfiguration"]
