"""The example with a webhook: the same agent, and its one process that asks has what it needs for that."""

from __future__ import annotations

from typing import Any

import pytest

from ports import netconfig, options
from tests.manifests.conftest import rendered


@pytest.fixture(scope="module")
def bodies() -> list[dict[str, Any]]:
    return rendered("examples/webhook")


def test_only_the_process_that_asks_is_told_of_it(bodies: list[dict[str, Any]], containers: dict[str, Any]) -> None:
    spec = next(body for body in bodies if body["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    known = {option.env for option in options.DRA}
    for container in spec["containers"]:
        before = containers[container["name"]]
        added = [each for each in container.get("env", ()) if each not in before.get("env", ())]
        mounted = [each for each in container["volumeMounts"] if each not in before["volumeMounts"]]
        if container["name"] != "dra":
            assert (added, mounted) == ([], [])
            continue
        assert {each["name"] for each in added} <= known
        (mount,) = mounted
        files = [each["value"] for each in added if each["name"].endswith("_FILE")]
        assert len(files) == 2
        assert all(path.startswith(f"{mount['mountPath']}/") for path in files)
        assert {"name": mount["name"], "secret": {"secretName": "knd-webhook"}} in spec["volumes"]


def test_its_claim_names_a_profile(bodies: list[dict[str, Any]]) -> None:
    (template,) = [body for body in bodies if body["kind"] == "ResourceClaimTemplate"]
    (entry,) = template["spec"]["spec"]["devices"]["config"]
    assert netconfig.decode(entry["opaque"]["parameters"]).profile == "storage"
