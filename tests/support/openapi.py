"""Recorded OpenAPI documents of a real API server, as JSON Schema validators."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

RECORDED = Path(__file__).parent.parent / "recordings" / "api"


@cache
def schemas(document: str) -> dict[str, Any]:
    """All schemas of one document, unknown properties refused, as the server does with strict field validation."""
    text = gzip.decompress((RECORDED / f"{document}.json.gz").read_bytes())
    found: dict[str, Any] = json.loads(text)["components"]["schemas"]
    for schema in found.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found


def mistakes(document: str, schema: str, body: Any) -> list[str]:
    """What is wrong with the body, each with its path; empty when it is valid."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas(document)}}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(body)]
