"""``knd lint``: the parameters of claims, claim templates and device classes in files, checked before they are applied.

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
from agent.domain.manifests import Manifest, classes, manifests, mistakes
from ports.errors import Code, Failure
from ports.netconfig.reference import json_schema
from ports.options import DRIVER, parser

DESCRIPTION = (
    "Check the parameters of ResourceClaims, ResourceClaimTemplates and DeviceClasses in YAML or JSON files; everything "
    "else in them is passed over. One line a mistake: file, object, path, reason. Status 0: no mistakes, 1: some."
)


def main(argv: list[str] | None = None) -> int:
    """Check the files; 1 when there is a mistake."""
    options = _options(argv)
    if options.schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    read = [_read(name) for name in options.files]
    found = [(name, manifest) for name, manifests, _ in read for manifest in manifests]
    lines = [failure for _, _, failure in read if failure]
    known = classes((manifest for _, manifest in found), options.driver_name)
    for name, manifest in found:
        lines += (f"{name}: {manifest.where}: {each}" for each in mistakes(manifest, known, options.driver_name))
    for line in lines:
        print(line)
    print(f"{len(found)} object(s) checked, {len(lines)} mistake(s)", file=sys.stderr)
    return 1 if lines else 0


def _read(name: str) -> tuple[str, tuple[Manifest, ...], str]:
    """The file's objects, and what is wrong with the file itself."""
    try:
        return name, tuple(_manifests(name)), ""
    except Failure as failure:
        return name, (), str(failure)


def _manifests(name: str) -> Iterator[Manifest]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise Failure(Code.INVALID, name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    for document in documents(text, name):
        yield from manifests(document)


def _options(argv: list[str] | None) -> Namespace:
    made = parser("knd lint", DESCRIPTION, (DRIVER,), os.environ)
    made.add_argument("files", nargs="*", metavar="FILE", help="a YAML or JSON file; - is standard input")
    made.add_argument("--schema", action="store_true", help="print the JSON Schema of the parameters and end")
    options = made.parse_args(argv)
    if not options.files and not options.schema:
        made.error("no files given")
    return options


if __name__ == "__main__":
    sys.exit(main())
