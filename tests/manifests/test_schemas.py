"""Every manifest is valid for a real API server.

The recorded OpenAPI documents cover the kinds of core (Pod), resource.k8s.io and admissionregistration.k8s.io; a
DaemonSet's pod template is checked as the Pod it becomes. The rest (DaemonSet, ServiceAccount, RBAC) is not in the
recordings and is held against the models of the Kubernetes client instead: a field that they do not know is a mistake.
"""

from __future__ import annotations

from typing import Any

from kubernetes.client import ApiClient

from tests.support.openapi import mistakes

CORE = "openapi-v3-core-v1-trimmed"
ADMISSION = "openapi-v3-admissionregistration.k8s.io-v1"
RESOURCE = "openapi-v3-resource.k8s.io-v1"
RECORDED = {
    "Pod": (CORE, "io.k8s.api.core.v1.Pod"),
    "DeviceClass": (RESOURCE, "io.k8s.api.resource.v1.DeviceClass"),
    "ResourceClaimTemplate": (RESOURCE, "io.k8s.api.resource.v1.ResourceClaimTemplate"),
    "ValidatingAdmissionPolicy": (ADMISSION, "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy"),
    "ValidatingAdmissionPolicyBinding": (
        ADMISSION,
        "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
    ),
}
MODELLED = {
    "DaemonSet": "V1DaemonSet",
    "ServiceAccount": "V1ServiceAccount",
    "ClusterRole": "V1ClusterRole",
    "ClusterRoleBinding": "V1ClusterRoleBinding",
}
NAMESPACED = {"Pod", "ResourceClaimTemplate", "DaemonSet", "ServiceAccount"}
Objects = list[dict[str, Any]]


def _unknown_to_the_client(body: dict[str, Any]) -> list[str]:
    client = ApiClient()
    try:
        understood = client._ApiClient__deserialize(body, MODELLED[body["kind"]])
        known = client.sanitize_for_serialization(understood)
    finally:
        client.close()
    return sorted(set(_leaves(body)) ^ set(_leaves(known)))


def _leaves(value: Any, path: str = "$") -> list[str]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}")]
    if isinstance(value, list) and value:
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, f"{path}[{index}]")]
    return [f"{path}={value}"]


def _wrong(body: dict[str, Any]) -> list[str]:
    if body["kind"] in RECORDED:
        return mistakes(*RECORDED[body["kind"]], body)
    return _unknown_to_the_client(body)


def test_every_object_is_valid(base: Objects, examples: Objects) -> None:
    assert {
        f"{body['kind']} {body['metadata']['name']}": _wrong(body) for body in base + examples if _wrong(body)
    } == {}
    assert {body["kind"] for body in base + examples} == RECORDED.keys() | MODELLED.keys()


def test_the_pod_that_the_daemonset_makes_is_valid(daemonset: dict[str, Any]) -> None:
    template = daemonset["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]}
    assert mistakes(*RECORDED["Pod"], pod) == []


def test_a_misspelt_field_is_found_either_way(daemonset: dict[str, Any], examples: Objects) -> None:
    pod = next(body for body in examples if body["kind"] == "Pod")
    assert "restartPolcy" in " ".join(_wrong(pod | {"spec": pod["spec"] | {"restartPolcy": "Never"}}))
    assert "updateStrateg=" in " ".join(_wrong(daemonset | {"spec": daemonset["spec"] | {"updateStrateg": "x"}}))


def test_only_namespaced_kinds_have_a_namespace(base: Objects) -> None:
    given = {body["kind"] for body in base if "namespace" in body["metadata"]}
    assert given == {body["kind"] for body in base} & NAMESPACED


def test_names_that_belong_together_agree(base: Objects, daemonset: dict[str, Any]) -> None:
    by_kind = {body["kind"]: body for body in base}
    account = by_kind["ServiceAccount"]["metadata"]
    assert daemonset["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    [subject] = by_kind["ClusterRoleBinding"]["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    assert by_kind["ClusterRoleBinding"]["roleRef"]["name"] == by_kind["ClusterRole"]["metadata"]["name"]
    policy = by_kind["ValidatingAdmissionPolicy"]
    assert by_kind["ValidatingAdmissionPolicyBinding"]["spec"]["policyName"] == policy["metadata"]["name"]
    user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    assert user in policy["spec"]["matchConditions"][0]["expression"]
