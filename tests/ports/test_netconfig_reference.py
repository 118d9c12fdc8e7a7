"""The published schema and the reference page say what the code does, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.netconfig import InvalidConfig, decode
from ports.netconfig.reference import entries, json_schema, sysctl_table, table
from tests.ports.test_netconfig import EVERYTHING, JSON, _paths, _replaced

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_published_schema_is_the_one_of_the_code() -> None:
    """``knd lint --schema > docs/reference/netconfig.schema.json`` makes it anew."""
    assert json.loads((DOCS / "netconfig.schema.json").read_text()) == json_schema()


def test_the_reference_page_holds_the_tables_of_the_code() -> None:
    page = (DOCS / "claim-parameters.md").read_text()
    assert table() in page
    assert sysctl_table() in page


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_configuration_that_uses_every_field_fits_the_schema() -> None:
    assert not list(VALIDATOR.iter_errors(EVERYTHING))


def test_every_field_of_the_schema_has_an_effect_and_an_example_that_is_taken() -> None:
    for entry in entries():
        assert entry.about.effect.endswith("."), entry.path
        if entry.type != "map" and not entry.type.startswith("list of map") and entry.about.supported:
            assert entry.about.example is not None, entry.path


@given(st.sampled_from(_paths()), JSON)
def test_what_the_code_takes_fits_the_schema(path: tuple[str | int, ...], value: Any) -> None:
    parameters = _replaced(EVERYTHING, path, value)
    try:
        decode(parameters)
    except InvalidConfig:
        return
    if "null" not in json.dumps(parameters):  # null is "not given" to the code, and nothing that anybody should write
        assert not list(VALIDATOR.iter_errors(parameters))


@pytest.mark.parametrize(
    "parameters", [{"dhcp": True}, {"interface": {"dhcp": "yes"}}, {"profile": 1}, {"routes": [{}]}, {"interface": []}]
)
def test_what_the_schema_refuses_the_code_refuses(parameters: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(parameters))
    with pytest.raises(InvalidConfig):
        decode(parameters)
