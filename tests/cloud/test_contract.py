"""The published contract of the webhook is what is sent and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from adapters.cloud import catalog, contract
from adapters.cloud.credentials import Credentials
from adapters.cloud.profiles import WebhookProfiles
from adapters.cloud.webhook import WebhookProvider
from ports.netconfig import decode
from ports.plan import ClaimRef
from ports.profiles import Wish
from ports.providers import DeviceIds
from tests.ports.test_netconfig import EVERYTHING
from tests.support.ipam import Ipam

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "webhook.openapi.json"
CLAIM = ClaimRef(namespace="team", name="net", uid="claim-uid")
FULL = DeviceIds(device="pci-0000-01-00-0", interface="eth1", mac="02:00:00:00:00:01", pci_address="0000:01:00.0")


def validator(name: str) -> Any:
    document = contract.openapi()
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def test_the_published_document_is_the_one_of_the_code() -> None:
    """``python -m adapters.cloud.contract > docs/reference/webhook.openapi.json`` makes it anew."""
    assert json.loads(PAGE.read_text()) == contract.openapi()


@pytest.mark.parametrize("ids", [FULL, DeviceIds(device="ib")])
def test_everything_that_is_sent_is_as_the_document_says(ids: DeviceIds) -> None:
    ipam = Ipam({"a/b": {"int": 1}}, {"interface": {"mtu": 1450}})
    with ipam.serving() as url:
        site = catalog.webhook(url, Credentials())
        assert site is not None
        WebhookProvider(site).read().describe(ids)
        wish = Wish(ids=ids, config=decode({**EVERYTHING, "profile": "net"}))
        WebhookProfiles(site).grant(CLAIM, {"metadata": {"name": "net"}}, wish, 30.0)
        WebhookProfiles(site).release(CLAIM, wish, 30.0)
    document = contract.openapi()
    assert {asked.path for asked in ipam.asked} == document["paths"].keys()
    for asked in ipam.asked:
        told = document["paths"][asked.path][asked.method.lower()]
        if "requestBody" in told:
            name = told["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert list(validator(name).iter_errors(asked.json())) == []
        assert ("Idempotency-Key" in asked.headers) == ("parameters" in told)


def test_what_the_document_refuses_as_an_answer_is_not_taken() -> None:
    for value in ({"int": "1"}, {"string": 1}, {"int": 1, "bool": True}, {"version": "1"}, {}, "x"):
        assert list(validator("Attributes").iter_errors({"a/b": value}))
    assert not list(validator("Attributes").iter_errors({"a/b": {"bool": True}, "c": {"string": ""}}))
