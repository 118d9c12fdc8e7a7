"""The table of attributes: it is what users read, and says what is left out first."""

from __future__ import annotations

import re
from pathlib import Path

from agent.domain.discovery.catalogue import CATALOGUE, ESSENTIAL, FURTHER, Known, ordered, rank

PAGE = Path(__file__).parents[2] / "docs/reference/attributes.md"
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")  # what the API server takes


def row(known: Known) -> str:
    """Its line in the page."""
    return f"| `{known.name}` | {known.type} | {known.meaning} | {known.source} |"


def test_the_page_has_a_line_for_each_attribute_in_this_order() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| attribute | type | meaning | source |") + 2
    table = lines[start : lines.index("", start)]
    assert table == [row(known) for known in CATALOGUE]


def test_names_are_unique_and_such_as_the_api_server_takes() -> None:
    names = [known.name for known in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(IDENTIFIER.fullmatch(name.rpartition("/")[2]) for name in names)


def test_what_everybody_selects_by_always_fits() -> None:
    assert len(ESSENTIAL) < 32


def test_what_somebody_added_stands_before_what_is_good_to_know_and_after_what_is_essential() -> None:
    for added in ("example.org/rail", "gce.dra.net/block", "dra.net/unknown"):
        assert rank(f"dra.net/{ESSENTIAL[-1].name}", "dra.net") < rank(added, "dra.net")
        assert rank(added, "dra.net") < rank(f"dra.net/{FURTHER[0].name}", "dra.net")


def test_attributes_are_ordered_by_importance_whatever_the_drivers_name() -> None:
    names = ["d.example/duplex", "d.example/ifName", "x.example/b", "x.example/a", "resource.kubernetes.io/pcieRoot"]
    wanted = ["resource.kubernetes.io/pcieRoot", "d.example/ifName", "x.example/a", "x.example/b", "d.example/duplex"]
    assert list(ordered(dict.fromkeys(names, ""), "d.example")) == wanted
