"""Each container of the agent gets what its process needs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from posixpath import dirname
from typing import Any

from adapters.manifests.reader import documents
from agent.domain.nodefiles import FILE, node_files, node_mistakes
from ports import netconfig, options
from ports.places import Places

PLACES = Places("/run/knd")
MANIFESTS = Path(__file__).parents[2] / "manifests"
PREPARE, ATTACH = dirname(PLACES.prepare_socket), dirname(PLACES.attach_socket)
INVENTORY, OUTCOMES = dirname(PLACES.inventory_socket), dirname(PLACES.outcomes_socket)
STATE, HELD = dirname(PLACES.state_socket), dirname(PLACES.held_socket)
NODE_CONFIG = "/etc/knd"
MOUNTED = {
    "dataplane": {
        PLACES.runtime_dir,
        "/var/run/cdi",
        "/var/run/netns",
        "/sys/fs/bpf",
        "/host/proc-sys-net",
        NODE_CONFIG,
    },
    "watch": {INVENTORY, NODE_CONFIG},
    "nri": {ATTACH, STATE, OUTCOMES, PLACES.ledger, "/var/run/nri"},
    "dra": {
        PREPARE,
        STATE,
        OUTCOMES,
        INVENTORY,
        HELD,
        NODE_CONFIG,
        PLACES.outbox,
        "/var/lib/kubelet/plugins/dra.net",
        "/var/lib/kubelet/plugins_registry",
        "/var/run/secrets/kubernetes.io/serviceaccount",
    },
}
ELSEWHERE = {"/host/proc-sys-net": "/proc/sys/net"}  # over a container's own /proc nothing can be mounted
TAKEN = {"dataplane": options.DATAPLANE, "watch": options.WATCH, "nri": options.NRI, "dra": options.DRA}
Containers = dict[str, dict[str, Any]]


def _volumes(daemonset: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {volume["name"]: volume for volume in daemonset["spec"]["template"]["spec"]["volumes"]}


def _mounts(containers: Containers) -> list[tuple[str, dict[str, Any]]]:
    return [(name, mount) for name, container in containers.items() for mount in container["volumeMounts"]]


def test_each_process_sees_its_directories_and_no_other(containers: Containers) -> None:
    seen = {name: {mount["mountPath"] for mount in part["volumeMounts"]} for name, part in containers.items()}
    assert seen == MOUNTED


def test_what_is_mounted_is_a_directory_and_never_a_socket(daemonset: dict[str, Any]) -> None:
    host = [volume["hostPath"] for volume in _volumes(daemonset).values() if "hostPath" in volume]
    assert {path["type"] for path in host} == {"Directory", "DirectoryOrCreate"}
    assert not [path for path in host if path["path"].endswith(".sock")]


def test_a_path_of_the_node_is_the_same_inside(daemonset: dict[str, Any], containers: Containers) -> None:
    volumes = _volumes(daemonset)
    for _, mount in _mounts(containers):
        if "hostPath" in volumes[mount["name"]]:
            there = ELSEWHERE.get(mount["mountPath"], mount["mountPath"])
            assert there == volumes[mount["name"]]["hostPath"]["path"]
    assert {mount["name"] for _, mount in _mounts(containers)} == volumes.keys()


def test_namespaces_of_later_pods_show_up_in_the_dataplane(containers: Containers) -> None:
    [netns] = [mount for _, mount in _mounts(containers) if mount["name"] == "netns"]
    assert netns in containers["dataplane"]["volumeMounts"]
    assert netns["mountPropagation"] == "HostToContainer"


def test_the_ledger_is_written_by_the_dataplane_alone(containers: Containers) -> None:
    [ledger] = [mount for name, mount in _mounts(containers) if name == "nri" and mount["name"] == "ledger"]
    assert ledger["readOnly"] is True


def test_only_the_dataplane_has_capabilities(containers: Containers) -> None:
    assert containers["dataplane"]["securityContext"]["capabilities"]["add"] == ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"]
    for name, container in containers.items():
        context = container["securityContext"]
        assert context["capabilities"]["drop"] == ["ALL"]
        assert (name == "dataplane") == ("add" in context["capabilities"])
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert "privileged" not in context


def test_only_the_kubelets_side_gets_a_token(daemonset: dict[str, Any], containers: Containers) -> None:
    assert daemonset["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert [name for name, mount in _mounts(containers) if mount["name"] == "token"] == ["dra"]


def test_two_pods_of_a_node_never_share_its_sockets(daemonset: dict[str, Any]) -> None:
    assert daemonset["spec"]["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    ports = [container.get("ports") for container in daemonset["spec"]["template"]["spec"]["containers"]]
    assert ports == [None] * 4


DOWNWARD = {"spec.nodeName": "node-1", "metadata.uid": "5d1f", "status.hostIPs": "192.0.2.5,2001:db8::5"}


def _value(variable: dict[str, Any]) -> str:
    return str(variable["value"] if "value" in variable else DOWNWARD[variable["valueFrom"]["fieldRef"]["fieldPath"]])


def test_every_container_runs_its_command_with_settings_that_the_command_takes(containers: Containers) -> None:
    for name, container in containers.items():
        assert container["args"] == [name]
        taken = {option.env for option in TAKEN[name]} | ({"POD_UID"} if name == "dra" else set())
        assert {variable["name"] for variable in container["env"]} <= taken
        given = {variable["name"]: _value(variable) for variable in container["env"]}
        values = options.parser(name, "", TAKEN[name], given).parse_args([])
        assert values.runtime_dir == PLACES.runtime_dir
        if name == "dataplane":
            assert values.proc_sys_net in ELSEWHERE


def test_the_defaults_that_the_mounts_rely_on_hold() -> None:
    assert options.CDI_ROOT.default in MOUNTED["dataplane"]
    assert dirname(options.NRI_SOCKET.default) in MOUNTED["nri"]
    assert f"{options.KUBELET_ROOT.default}/plugins_registry" in MOUNTED["dra"]
    assert f"{options.KUBELET_ROOT.default}/plugins/{options.DEFAULT_DRIVER}" in MOUNTED["dra"]


def test_probes_ask_the_loopback_address_that_dra_serves(containers: Containers) -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = containers["dra"][probe]["httpGet"]
        assert f"{asked['host']}:{asked['port']}" == options.BIND_ADDRESS.default


def test_the_rights_are_the_least_that_works(base: list[dict[str, Any]]) -> None:
    role = next(body for body in base if body["kind"] == "ClusterRole")
    rights = {(rule["apiGroups"][0], rule["resources"][0]): set(rule["verbs"]) for rule in role["rules"]}
    assert rights == {
        ("resource.k8s.io", "resourceslices"): {"create", "update", "delete", "get", "list", "watch"},
        ("resource.k8s.io", "resourceclaims"): {"get"},
        ("resource.k8s.io", "resourceclaims/status"): {"patch", "update"},
        ("resource.k8s.io", "resourceclaims/driver"): {"associated-node:patch", "associated-node:update"},
        ("", "nodes"): {"get"},
        ("", "events"): {"create", "patch"},
    }
    driver = next(rule for rule in role["rules"] if rule["resources"] == ["resourceclaims/driver"])
    assert driver["resourceNames"] == [options.DEFAULT_DRIVER]


def test_the_examples_parameters_are_ones_that_we_accept(examples: list[dict[str, Any]]) -> None:
    template = next(body for body in examples if body["kind"] == "ResourceClaimTemplate")
    [config] = template["spec"]["spec"]["devices"]["config"]
    assert config["opaque"]["driver"] == options.DEFAULT_DRIVER
    assert netconfig.decode(config["opaque"]["parameters"]).interface.name == "net1"


def test_the_nodes_configuration_is_read_where_it_is_mounted_and_may_be_missing(
    daemonset: dict[str, Any], containers: Containers
) -> None:
    assert _volumes(daemonset)["node-config"]["configMap"] == {"name": "knd-node", "optional": True}
    for name, container in containers.items():
        mounts = [mount for mount in container["volumeMounts"] if mount["name"] == "node-config"]
        named = [variable["value"] for variable in container["env"] if variable["name"] == "KND_NODE_CONFIG"]
        takes = options.NODE_CONFIG in TAKEN[name]
        assert mounts == ([{"name": "node-config", "mountPath": NODE_CONFIG, "readOnly": True}] if takes else [])
        assert named == ([f"{NODE_CONFIG}/{FILE}"] if takes else [])


def test_the_example_of_a_node_configuration_is_without_mistakes() -> None:
    (body,) = documents((MANIFESTS / "examples" / "node-config.yaml").read_text(), "example")
    (node,) = node_files(body)
    assert (body["metadata"]["name"], body["metadata"]["namespace"]) == ("knd-node", "kube-system")
    assert list(node_mistakes(node, documents, options.DEFAULT_DRIVER)) == []
