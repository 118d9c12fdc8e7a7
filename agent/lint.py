"""``knd lint``: parameters of claims, templates and device classes, and node configurations, checked before they are applied.

A mistake here is a line in an editor or a pipeline; the same mistake found later is a pod that does not start.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from adapters.manifests.reader import documents
from agent.domain.manifests import classes, manifests, mistakes
from agent.domain.nodefiles import node_files, node_mistakes
from ports.errors import Failure
from ports.netconfig.reference import json_schema
from ports.nodeconfig.reference import json_schema as node_schema
from ports.options import DRIVER, parser

DESCRIPTION = (
    "Check the parameters of ResourceClaims, ResourceClaimTemplates and DeviceClasses, and NodeConfigurations, in ConfigMaps "
    "too, in YAML or JSON files; everything else in them is passed over. One line a mistake: file, object, path, reason. "
    "Status 0: no mistakes, 1: some."
)


def main(argv: list[str] | None = None) -> int:
    """Check the files; 1 when there is a mistake."""
    options = _options(argv)
    if options.schema or options.node_schema:
        print(json.dumps(json_schema() if options.schema else node_schema(), indent=2))
        return 0
    lines: list[str] = []
    read = [(name, tuple(_documents(name, lines))) for name in options.files]
    found = [(name, manifest) for name, held in read for document in held for manifest in manifests(document)]
    nodes = [(name, node) for name, held in read for document in held for node in node_files(document)]
    known = classes((manifest for _, manifest in found), options.driver_name)
    for name, manifest in found:
        lines += (f"{name}: {manifest.where}: {each}" for each in mistakes(manifest, known, options.driver_name))
    for name, node in nodes:
        lines += (f"{name}: {node.where}: {each}" for each in node_mistakes(node, documents, options.driver_name))
    for line in lines:
        print(line)
    print(f"{len(found) + len(nodes)} object(s) checked, {len(lines)} mistake(s)", file=sys.stderr)
    return 1 if lines else 0


def _documents(name: str, lines: list[str]) -> Iterator[object]:
    """The file's documents; what is wrong with the file itself becomes a line."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        yield from documents(text, name)
    except Failure as failure:
        lines.append(str(failure))
    except (OSError, UnicodeError) as error:
        lines.append(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}")


def _options(argv: list[str] | None) -> Namespace:
    made = parser("knd lint", DESCRIPTION, (DRIVER,), os.environ)
    made.add_argument("files", nargs="*", metavar="FILE", help="a YAML or JSON file; - is standard input")
    made.add_argument("--schema", action="store_true", help="print the JSON Schema of the parameters and end")
    made.add_argument("--node-schema", action="store_true", help="print that of the node configuration and end")
    options = made.parse_args(argv)
    if not options.files and not options.schema and not options.node_schema:
        made.error("no files given")
    return options


if __name__ == "__main__":
    sys.exit(main())
