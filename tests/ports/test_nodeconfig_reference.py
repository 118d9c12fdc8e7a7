"""The published schema and the reference page of the node configuration say what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.manifests.reader import documents
from ports.nodeconfig import InvalidConfig, decode
from ports.nodeconfig.reference import entries, json_schema, selector_table, table
from tests.ports.test_netconfig import JSON
from tests.ports.test_nodeconfig import DRIVER, EVERYTHING, HEAD, _paths, _replaced

DOCS = Path(__file__).parents[2] / "docs" / "reference"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_published_schema_is_the_one_of_the_code() -> None:
    """``knd lint --node-schema > docs/reference/nodeconfig.schema.json`` makes it anew."""
    assert json.loads((DOCS / "nodeconfig.schema.json").read_text()) == json_schema()


def test_the_reference_page_holds_the_tables_of_the_code() -> None:
    page = (DOCS / "node-configuration.md").read_text()
    assert table() in page
    assert selector_table() in page
    assert "drivers" not in table()


def test_the_example_of_the_page_is_taken() -> None:
    page = (DOCS / "node-configuration.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    (config_map,) = documents(example, "page")
    decode(documents(config_map["data"]["node.yaml"], "example"), DRIVER)


def test_the_schema_is_one_and_takes_what_uses_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert not list(VALIDATOR.iter_errors(EVERYTHING))


def test_every_field_has_a_meaning() -> None:
    assert all(entry.about.effect for entry in entries())


@given(st.sampled_from(_paths()), JSON)
def test_what_the_code_takes_fits_the_schema(path: tuple[str | int, ...], value: Any) -> None:
    content = _replaced(EVERYTHING, path, value)
    try:
        decode((content,), DRIVER)
    except InvalidConfig:
        return
    if "null" not in json.dumps(content):
        assert not list(VALIDATOR.iter_errors(content))


@pytest.mark.parametrize(
    "content", [{}, HEAD | {"x": 1}, HEAD | {"deny": {}}, HEAD | {"multus": [{"resourceName": ""}]}]
)
def test_what_the_schema_refuses_the_code_refuses(content: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(content))
    with pytest.raises(InvalidConfig):
        decode((content,), DRIVER)
