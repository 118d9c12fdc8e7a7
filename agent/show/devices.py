"""``knd devices``: what this node would publish, from the host to the ResourceSlice, without a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import yaml

from agent.domain.attributes import publishable, render
from agent.domain.listing import table
from agent.show.looked import Looked, arguments, looked, said
from ports.cluster import Json
from ports.errors import Failure

ABOUT = """\
Print the devices that this node would publish in its ResourceSlices, as the API server would take them.

  knd devices                    a table: name, interface, kind, place, speed; and what is not published, with the reason
  knd devices -o yaml            every attribute and capacity, as in a ResourceSlice
  knd devices -o json | jq       the same for programs
  knd devices --filter ''        with everything that a filter hides

A device that is in a pod stays published; who looks at the host, as this does, does not see its interface there.

A filter or a class can be tried out here first: --filter takes the same expression as knd dra does, --node-config the same
file. Nothing is changed, no cluster is needed, and no privilege either (names of TCX programs are shown to root only).
--sysfs-root takes a copy of another machine's /sys.
"""


def main(argv: list[str] | None = None) -> int:
    """Print them; 1 when the machine cannot be read."""
    chosen = arguments("knd devices", ABOUT, ("table", "yaml", "json"), argv)
    try:
        found = looked(chosen)
    except Failure as failure:
        print(f"knd devices: {failure}", file=sys.stderr)
        return 1
    said(_FORMS[chosen.output](found, chosen.driver_name))
    return 0


def _rendered(found: Looked, driver: str) -> list[Json]:
    """As in a slice; what the server would not take is told on standard error."""
    kept, losses = publishable(found.published)
    made = [render(device, driver) for device in kept]
    for loss in (*losses, *(loss for each in made for loss in each.losses)):
        print(f"note: {loss}", file=sys.stderr)
    return [each.body for each in made]


def _yaml(found: Looked, driver: str) -> str:
    return yaml.safe_dump(_rendered(found, driver), sort_keys=False, allow_unicode=True, default_flow_style=None)


def _json(found: Looked, driver: str) -> str:
    return json.dumps(_rendered(found, driver), indent=2, ensure_ascii=False) + "\n"


def _table(found: Looked, driver: str) -> str:
    return table(found.published, found.others, driver)


_FORMS: dict[str, Callable[[Looked, str], str]] = {"table": _table, "yaml": _yaml, "json": _json}


if __name__ == "__main__":
    sys.exit(main())
