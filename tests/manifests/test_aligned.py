"""The examples for aligned allocation are valid, belong together, and speak of attributes that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agent.domain.discovery.catalogue import CATALOGUE
from agent.domain.manifests import classes, manifests, mistakes
from tests.manifests.conftest import MANIFESTS, rendered
from tests.support import openapi

RESOURCE, CORE = "openapi-v3-resource.k8s.io-v1", "openapi-v3-core-v1-trimmed"
SCHEMAS = {
    "DeviceClass": (RESOURCE, "io.k8s.api.resource.v1.DeviceClass"),
    "ResourceClaimTemplate": (RESOURCE, "io.k8s.api.resource.v1.ResourceClaimTemplate"),
    "Pod": (CORE, "io.k8s.api.core.v1.Pod"),
}
ELSEWHERE = {"gpu.nvidia.com"}  # installed with another driver
KNOWN = {known.name for known in CATALOGUE}
Objects = list[dict[str, Any]]


@pytest.fixture(scope="session")
def aligned() -> Objects:
    """What a user would apply."""
    return rendered("examples/aligned")


def named(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by name."""
    return {body["metadata"]["name"]: body for body in objects if body["kind"] == kind}


def test_every_object_is_valid_for_a_real_api_server(aligned: Objects) -> None:
    assert {body["kind"] for body in aligned} == SCHEMAS.keys()
    assert {body["metadata"]["name"]: openapi.mistakes(*SCHEMAS[body["kind"]], body) for body in aligned} == {
        body["metadata"]["name"]: [] for body in aligned
    }


def test_every_file_is_part_of_it(aligned: Objects) -> None:
    files = {path.name for path in (MANIFESTS / "examples/aligned").glob("*.yaml")} - {"kustomization.yaml"}
    listed = (MANIFESTS / "examples/aligned/kustomization.yaml").read_text(encoding="utf-8")
    assert files == set(re.findall(r"- (\S+\.yaml)", listed))


def test_claims_name_classes_that_there_are_and_match_requests_of_their_own(aligned: Objects) -> None:
    known = named(aligned, "DeviceClass").keys() | ELSEWHERE
    for template in named(aligned, "ResourceClaimTemplate").values():
        devices = template["spec"]["spec"]["devices"]
        requests = {request["name"] for request in devices["requests"]}
        assert {request["exactly"]["deviceClassName"] for request in devices["requests"]} <= known
        assert all(set(constraint["requests"]) <= requests for constraint in devices["constraints"])
        assert {constraint["matchAttribute"] for constraint in devices["constraints"]} <= KNOWN


def test_the_pod_uses_a_claim_that_there_is(aligned: Objects) -> None:
    templates = named(aligned, "ResourceClaimTemplate")
    for pod in named(aligned, "Pod").values():
        assert {claim["resourceClaimTemplateName"] for claim in pod["spec"]["resourceClaims"]} <= templates.keys()


def test_classes_select_by_attributes_that_we_publish(aligned: Objects) -> None:
    text = " ".join(
        selector["cel"]["expression"]
        for body in named(aligned, "DeviceClass").values()
        for selector in body["spec"]["selectors"]
    )
    used = re.findall(r'attributes\["dra\.net"\]\.(\w+)', text) + re.findall(r'"(\w+)" in device', text)
    assert {"rdma", "rdmaState", "isSriovVf", "linkSpeed"} == set(used) <= KNOWN


def test_their_parameters_are_without_mistakes(aligned: Objects) -> None:
    found = [manifest for body in aligned for manifest in manifests(body)]
    assert len(found) == len(aligned) - 1  # all but the pod
    known = classes(found, "dra.net")
    assert [str(each) for manifest in found for each in mistakes(manifest, known, "dra.net")] == []
