"""The documentation says what the code does, where both can be compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ports import options

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "dra": options.DRA,
    "nri": options.NRI,
    "watch": options.WATCH,
    "dataplane": options.DATAPLANE,
    "up": options.ALL,
}


def row(option: options.Option) -> str:
    """One line of the table of flags."""
    default = option.default.replace("|", "\\|")
    users = ", ".join(name for name, taken in COMMANDS.items() if option in taken)
    return f"| `{option.flag}` | `{option.env}` | {f'`{default}`' if default else 'empty'} | {users} | {option.help} |"


def test_the_table_of_flags_is_complete() -> None:
    table = [line for line in (ROOT / "docs/reference.md").read_text().splitlines() if line.startswith("| `--")]
    assert table == [row(option) for option in options.ALL]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_every_link_and_every_flag_in_the_text_exists(page: Path) -> None:
    text = page.read_text()
    targets = [target.split("#")[0] for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    assert [target for target in targets if not (page.parent / target).exists()] == []
    foreign = {"--tag", "--kustomize", "--all-containers", "--since", "--sort-by"}
    known = (
        {option.flag for option in options.ALL}
        | {"--help", "--version", "--verbose", "--schema", "--node-schema", "--output"}
        | foreign
    )
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known
