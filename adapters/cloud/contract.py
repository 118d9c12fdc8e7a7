"""What a webhook has to serve, as an OpenAPI document made from what is read and sent here.

``python -m adapters.cloud.contract`` prints it.
"""

from __future__ import annotations

import json
from typing import Any

from ports.netconfig.reference import json_schema

Schema = dict[str, Any]
VERSION = "1"
REFUSALS = {
    "400": "The request can never succeed: the profile's parameters are wrong. Told to the user.",
    "404": "There is no such profile. Told to the user.",
    "409": "Taken by somebody else; tried again.",
    "500": "A passing trouble; tried again.",
}
VALUE: Schema = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {"string": {"type": "string"}, "int": {"type": "integer"}, "bool": {"type": "boolean"}},
}
SCHEMAS: dict[str, Schema] = {
    "Device": {
        "description": "Ids that are not known are left out.",
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {
                "type": "string",
                "description": "Interface name where attributes are asked for (device name without one), else device name.",
            },
            "mac_address": {"type": "string", "examples": ["02:00:5e:10:00:01"]},
            "pci_address": {"type": "string", "examples": ["0000:3b:00.1"]},
        },
    },
    "Capabilities": {
        "type": "object",
        "properties": {"cloudProvider": {"type": "boolean"}, "profileProvider": {"type": "boolean"}},
    },
    "Attributes": {
        "description": "By qualified name; without a domain it is in the driver's.",
        "type": "object",
        "additionalProperties": VALUE,
    },
    "Profile": {
        "description": "claim_uid and the device's name are the key: asked again, the answer is the same.",
        "type": "object",
        "required": ["device", "claim_uid", "config"],
        "additionalProperties": False,
        "properties": {
            "device": {"$ref": "#/components/schemas/Device"},
            "claim_uid": {"type": "string"},
            "claim": {"type": "object", "description": "The ResourceClaim; not in a release."},
            "config": {
                "$ref": "#/components/schemas/Config",
                "description": "What platform, class and claim say, with the profile's name.",
            },
        },
    },
}


def openapi() -> dict[str, Any]:
    """The document."""
    config = {key: value for key, value in json_schema().items() if key != "$schema"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Webhook of a provider of attributes and profiles", "version": VERSION},
        "paths": {
            "/health": {"get": _call("What this webhook serves.", None, "Capabilities")},
            "/GetDeviceAttributes": {"post": _call("Attributes of a device.", "Device", "Attributes")},
            "/GetDeviceConfig": {"post": _call("A device's configuration before all others.", "Device", "Config")},
            "/GetProfileConfig": {"post": _call("What a profile gives to a device.", "Profile", "Config", keyed=True)},
            "/ReleaseProfileConfig": {
                "post": _call("Take back what was given, if anything was.", "Profile", None, keyed=True)
            },
        },
        "components": {"schemas": {**SCHEMAS, "Config": config}},
    }


def _call(what: str, asked: str | None, answered: str | None, *, keyed: bool = False) -> Schema:
    good: Schema = {"description": "Done."} | ({"content": _json(answered)} if answered else {})
    made: Schema = {"summary": what, "responses": {"200": good}}
    if asked:
        made["requestBody"] = {"required": True, "content": _json(asked)}
    if keyed:
        key = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}, "description": "UID/device"}
        made["parameters"] = [key]
        made["responses"] |= {status: {"description": text} for status, text in REFUSALS.items()}
    return made


def _json(name: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


if __name__ == "__main__":
    print(json.dumps(openapi(), indent=2))
