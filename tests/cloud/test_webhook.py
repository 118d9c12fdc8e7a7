"""A site's webhook: DRANET's calls, as provider of devices and of profiles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cloud import catalog, webhook
from adapters.cloud.credentials import Credentials
from adapters.cloud.http import Answer
from adapters.cloud.profiles import NoProfiles, PlatformProfiles, WebhookProfiles
from adapters.cloud.webhook import Webhook, WebhookProvider
from ports.errors import Code, Failure
from ports.netconfig import decode
from ports.plan import ClaimRef
from ports.profiles import Wish
from ports.providers import DeviceIds
from tests.support.metadata import FakeServer, Reply

NIC = DeviceIds(device="pci-0000-01-00-0", interface="eth1", mac="02:00:00:00:00:01", pci_address="0000:01:00.0")
CLAIM = ClaimRef(namespace="team", name="net", uid="claim-uid")
BODY: dict[str, Any] = {"metadata": {"name": "net", "uid": "claim-uid", "managedFields": [{}]}, "spec": {"devices": {}}}
WISH = Wish(ids=NIC, config=decode({"profile": "net", "interface": {"mtu": 1450}}))
HEALTH = Reply(body={"cloudProvider": True, "profileProvider": True})
SECONDS = 30.0


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(
        {
            "/health": HEALTH,
            "/GetDeviceAttributes": Reply(body={"dra.net/webhook_attr": {"string": "python"}}),
            "/GetDeviceConfig": Reply(body={"interface": {"mtu": 1450}}),
            "/GetProfileConfig": Reply(body={"interface": {"addresses": ["10.200.200.200/24"]}}),
            "/ReleaseProfileConfig": Reply(),
        }
    )


@pytest.fixture
def site(server: FakeServer) -> Iterator[Webhook]:
    with server.serving() as url:
        made = catalog.webhook(url, Credentials())
        assert made is not None
        yield made


def test_a_device_has_the_attributes_and_the_configuration_that_it_says(server: FakeServer, site: Webhook) -> None:
    found = WebhookProvider(site).read().describe(NIC)
    assert found.attributes == {"dra.net/webhook_attr": "python"}
    assert (found.config, found.notes) == (decode({"interface": {"mtu": 1450}}), ())
    bodies = {asked.path: asked.json() for asked in server.asked if asked.method == "POST"}
    ids = {"mac_address": "02:00:00:00:00:01", "pci_address": "0000:01:00.0"}
    assert bodies == {
        "/GetDeviceAttributes": {"name": "eth1", **ids},
        "/GetDeviceConfig": {"name": "pci-0000-01-00-0", **ids},
    }


def test_a_device_without_an_interface_is_named_by_its_own_name(server: FakeServer, site: Webhook) -> None:
    WebhookProvider(site).read().describe(DeviceIds(device="pci-x", rdma="mlx5_0"))
    assert [asked.json() for asked in server.asked if asked.method == "POST"] == [{"name": "pci-x"}] * 2


@pytest.mark.parametrize("health", [{"cloudProvider": False}, {"cloudProvider": "true"}, {}, [], "no"])
def test_one_that_does_not_say_so_describes_no_devices(server: FakeServer, site: Webhook, health: Any) -> None:
    server.replies["/health"] = Reply(body=health)
    with pytest.raises(Failure):
        WebhookProvider(site).detect()
    assert server.paths() == ["/health"]


def test_values_that_are_none_cost_themselves(server: FakeServer, site: Webhook) -> None:
    odd: dict[str, Any] = {
        "a/good": {"int": 3},
        "a/flag": {"bool": False},
        "a/version": {"version": "1.2.3"},
        "a/two": {"int": 1, "string": "x"},
        "a/wrong": {"int": "3"},
        "a/number": {"int": True},
        "a/list": [1],
        "a/text": "x",
    }
    server.replies["/GetDeviceAttributes"] = Reply(body=odd)
    found = WebhookProvider(site).read().describe(NIC)
    assert found.attributes == {"a/good": 3, "a/flag": False}
    assert len(found.notes) == 6


def test_a_configuration_that_is_none_costs_itself_and_not_the_attributes(server: FakeServer, site: Webhook) -> None:
    server.replies["/GetDeviceConfig"] = Reply(body={"interface": {"mtu": "big"}, "colour": "blue"})
    found = WebhookProvider(site).read().describe(NIC)
    assert (found.config, list(found.attributes)) == (None, ["dra.net/webhook_attr"])
    assert "parameters.interface.mtu: expected an integer" in found.notes[0]
    assert "unknown key colour" in found.notes[0]
    server.replies["/GetDeviceConfig"] = Reply(body={})
    assert WebhookProvider(site).read().describe(NIC).config is None


def test_a_server_in_trouble_is_a_failure_so_that_it_is_asked_again(server: FakeServer, site: Webhook) -> None:
    platform = WebhookProvider(site).read()
    for path in ("/GetDeviceAttributes", "/GetDeviceConfig"):
        good, server.replies[path] = server.replies[path], Reply(status=500, body="database away")
        with pytest.raises(Failure, match="answered 500: database away"):
            platform.describe(NIC)
        server.replies[path] = good


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["string", "int", "bool", "interface", "mtu", "routes", "a/b"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=25)
@given(JSON, JSON)
def test_any_answer_is_read_or_refused(attributes: Any, config: Any) -> None:
    class Said:
        def post(self, path: str, body: object) -> Any:
            return Answer(status=200, headers={}, body=_json(attributes if "Attr" in path else config))

        config = Webhook.config

    platform = webhook.Devices(Said())  # type: ignore[arg-type]
    try:
        found = platform.describe(NIC)
    except Failure as failure:
        assert failure.code is Code.INVALID
    else:
        assert all(type(value) in (str, int, bool) for value in found.attributes.values())


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_profile_is_asked_for_with_device_claim_and_what_is_known(server: FakeServer, site: Webhook) -> None:
    given = WebhookProfiles(site).grant(CLAIM, BODY, WISH, SECONDS)
    assert given == decode({"interface": {"addresses": ["10.200.200.200/24"]}})
    (asked,) = server.asked
    device = {"name": "pci-0000-01-00-0", "mac_address": "02:00:00:00:00:01", "pci_address": "0000:01:00.0"}
    assert asked.json() == {
        "device": device,
        "claim_uid": "claim-uid",
        "claim": {"metadata": {"name": "net", "uid": "claim-uid"}, "spec": {"devices": {}}},
        "config": {"profile": "net", "interface": {"mtu": 1450}},
    }
    assert asked.headers["Idempotency-Key"] == "claim-uid/pci-0000-01-00-0"
    server.asked.clear()
    WebhookProfiles(site).release(CLAIM, WISH, SECONDS)
    (released,) = server.asked
    assert released.json() == {
        "device": device,
        "claim_uid": "claim-uid",
        "config": {"profile": "net", "interface": {"mtu": 1450}},
    }
    assert released.headers["Idempotency-Key"] == asked.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (Reply(status=400, body="no subnet"), Code.INVALID, "no subnet"),
        (Reply(status=404), Code.NOT_FOUND, "404"),
        (Reply(status=409, body="taken"), Code.CONFLICT, "taken"),
        (Reply(status=500), Code.UNAVAILABLE, "500"),
        (Reply(body="[]"), Code.CORRUPT, "expected a map"),
        (Reply(body={"interface": {"addresses": ["10.0.0.1"]}}), Code.CORRUPT, "addresses[0]"),
        (Reply(body={"profile": "other"}), Code.CORRUPT, "another profile, 'other'"),
    ],
)
def test_a_refusal_is_told_with_its_code(
    server: FakeServer, site: Webhook, reply: Reply, code: Code, text: str
) -> None:
    server.replies["/GetProfileConfig"] = reply
    with pytest.raises(Failure) as caught:
        WebhookProfiles(site).grant(CLAIM, BODY, WISH, SECONDS)
    assert (caught.value.code, text in str(caught.value)) == (code, True)


def test_an_answer_may_hold_what_was_sent(server: FakeServer, site: Webhook) -> None:
    server.replies["/GetProfileConfig"] = lambda asked: Reply(body=asked.json()["config"])
    assert WebhookProfiles(site).grant(CLAIM, BODY, WISH, SECONDS) == WISH.config


def test_gone_is_the_end_of_a_release_and_any_other_refusal_is_not(server: FakeServer, site: Webhook) -> None:
    server.replies["/ReleaseProfileConfig"] = Reply(status=410)
    WebhookProfiles(site).release(CLAIM, WISH, SECONDS)
    for status in (400, 404, 500):
        server.replies["/ReleaseProfileConfig"] = Reply(status=status)
        with pytest.raises(Failure):
            WebhookProfiles(site).release(CLAIM, WISH, SECONDS)


def test_who_gives_profiles_is_as_the_flag_says(site: Webhook, server: FakeServer) -> None:
    found = ["webhook"]
    cloud = catalog.profiles("cloud", site, lambda: found[0])
    assert cloud.grant(CLAIM, BODY, WISH, SECONDS).interface.addresses == ("10.200.200.200/24",)
    cloud.release(CLAIM, WISH, SECONDS)
    asked = len(server.asked)
    for name, code in (("GCE", Code.INVALID), ("", Code.UNAVAILABLE)):
        found[0] = name
        with pytest.raises(Failure) as caught:
            cloud.grant(CLAIM, BODY, WISH, SECONDS)
        assert caught.value.code is code
    assert len(server.asked) == asked
    assert isinstance(catalog.profiles("webhook", site, lambda: ""), WebhookProfiles)
    assert isinstance(catalog.profiles("none", site, lambda: ""), NoProfiles)


@pytest.mark.parametrize("nobody", [NoProfiles(), PlatformProfiles(None, lambda: "GCE")])
def test_without_a_provider_a_claim_is_told_how_to_have_one(nobody: NoProfiles | PlatformProfiles) -> None:
    with pytest.raises(Failure, match=r"no profile provider on this node.*--webhook-url"):
        nobody.grant(CLAIM, BODY, WISH, SECONDS)
    with pytest.raises(Failure, match="no profile provider on this node"):
        nobody.release(CLAIM, WISH, SECONDS)


def test_platforms_are_looked_for_as_the_hint_says(site: Webhook) -> None:
    names = [each.name for each in catalog.candidates("", site)]
    assert names == ["GCE", "AWS", "AZURE", "OKE", "ALIBABA", "webhook"]
    assert [each.name for each in catalog.candidates("", None)] == names[:-1]
    assert [each.name for each in catalog.candidates("OKE", site)] == ["OKE"]
    assert [each.name for each in catalog.candidates("webhook", site)] == ["webhook"]
    assert catalog.candidates("NONE", site) == ()


def test_flags_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    with_token = Credentials(token_file=str(token))
    for build in (
        lambda: catalog.candidates("webhook", None),
        lambda: catalog.profiles("webhook", None, lambda: ""),
        lambda: catalog.webhook("", with_token),
        lambda: catalog.webhook("http://ipam.example", with_token),
        lambda: catalog.webhook("nonsense", Credentials()),
        lambda: catalog.webhook("https://ipam.example", Credentials(ca_file="/none")),
    ):
        with pytest.raises(Failure) as caught:
            build()
        assert (caught.value.code, "secret" in str(caught.value)) == (Code.INVALID, False)
    assert catalog.webhook("http://127.0.0.1:1", with_token) is not None
    assert catalog.webhook("https://ipam.example", with_token) is not None
    assert catalog.webhook("", Credentials()) is None
