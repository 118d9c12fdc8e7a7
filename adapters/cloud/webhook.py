"""A site's own provider, behind DRANET's webhook: what it says of devices.

Each question is a POST with the device's ids. A device is named by its interface when attributes are asked for, and by its
device name otherwise, as DRANET does it. Capabilities are asked for first: a webhook may serve profiles alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.cloud.http import Answer, Client, Request
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.netconfig import InvalidConfig, NetworkConfig, decode
from ports.providers import Description, DeviceIds

SECONDS = 10.0  # of one call, as DRANET allows
HEALTH_SECONDS = 5.0
NAME = "webhook"
MAX_ATTRIBUTES = 128  # of one answer that are looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a webhook serves."""

    devices: bool
    profiles: bool


class Webhook:
    """The calls, for the provider and for the profiles."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def capabilities(self) -> Capabilities:
        """What it says that it serves; anything but ``true`` is no."""
        subject = f"{NAME} /health"
        found = self._client.call(subject, Request(method="GET", path="/health"), HEALTH_SECONDS)
        body = found.demand(subject).json(subject)
        if not isinstance(body, dict):
            raise Failure(Code.INVALID, subject, "answered no JSON object")
        return Capabilities(devices=body.get("cloudProvider") is True, profiles=body.get("profileProvider") is True)

    def post(self, path: str, body: Mapping[str, Any], seconds: float = SECONDS, **headers: str) -> Answer:
        """The good answer; a Failure for any other."""
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        data = json.dumps(body, separators=(",", ":")).encode()
        request = Request(method="POST", path=path, headers=sent, body=data)
        return self._client.call(f"{NAME} {path}", request, seconds).demand(f"{NAME} {path}")

    def config(self, path: str, answer: Answer) -> NetworkConfig:
        """An answer that is claim parameters; INVALID with every mistake when it is not."""
        body = answer.json(f"{NAME} {path}")
        try:
            return decode(body)
        except InvalidConfig as error:
            told = "; ".join(str(mistake) for mistake in error.mistakes)
            raise Failure(Code.INVALID, f"{NAME} {path}", f"answered no configuration: {told}") from error


class WebhookProvider:
    """``Provider`` that asks the webhook for each device."""

    name = NAME

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def detect(self) -> None:
        """It is there and describes devices."""
        self.read()

    def read(self) -> Devices:
        """What can be asked for each device; NOT_FOUND when it describes none."""
        if not self._webhook.capabilities().devices:
            raise Failure(Code.NOT_FOUND, NAME, "says that it describes no devices (cloudProvider is not true)")
        return Devices(self._webhook)


class Devices:
    """``Platform``, one question after the other."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def describe(self, ids: DeviceIds) -> Description:
        """Attributes and configuration; a configuration that is none costs itself, not the attributes."""
        path = "/GetDeviceAttributes"
        body = self._webhook.post(path, identified(ids, ids.interface or ids.device)).json(f"{NAME} {path}")
        if body is not None and not isinstance(body, dict):
            raise Failure(Code.INVALID, f"{NAME} {path}", "answered no JSON object")
        notes: list[str] = []
        attributes = dict(_attributes(body or {}, notes))
        config = self._config(ids, notes)
        return Description(attributes=attributes, config=config, notes=tuple(notes))

    def _config(self, ids: DeviceIds, notes: list[str]) -> NetworkConfig | None:
        path = "/GetDeviceConfig"
        answer = self._webhook.post(path, identified(ids, ids.device))
        try:
            config = self._webhook.config(path, answer)
        except Failure as failure:
            notes.append(str(failure))
            return None
        return None if config == NetworkConfig() else config


def identified(ids: DeviceIds, name: str) -> dict[str, str]:
    """The ids as the webhook gets them: no empty ones."""
    made = {"name": name, "mac_address": ids.mac, "pci_address": ids.pci_address or ""}
    return {key: value for key, value in made.items() if value}


def _attributes(body: Mapping[str, Any], notes: list[str]) -> Iterator[tuple[str, AttributeValue]]:
    """Values as the API writes them: one of string, int and bool."""
    if len(body) > MAX_ATTRIBUTES:
        notes.append(f"{len(body)} attributes, of which {MAX_ATTRIBUTES} are looked at")
    for name, value in list(body.items())[:MAX_ATTRIBUTES]:
        found = _value(value)
        if found is None:
            notes.append(f"attribute {name[:80]!r} left out: its value is none of string, int and bool")
        else:
            yield name, found


def _value(value: Any) -> AttributeValue | None:
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((kind, found),) = value.items()
    if kind == "bool" or isinstance(found, bool):
        return found if kind == "bool" and isinstance(found, bool) else None
    if kind == "int":
        return found if isinstance(found, int) else None
    return found if kind == "string" and isinstance(found, str) else None
