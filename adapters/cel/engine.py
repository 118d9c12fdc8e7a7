"""The CEL library's engine without its command line.

Importing the package ``cel`` as a whole loads its terminal program too, with some 250 modules, 11 MiB and 0.2 s of every
start; all we need is the one extension module inside it.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.machinery import PathFinder
from typing import Any


def load() -> Any:
    """The extension module; the whole package where a release has no such module inside."""
    package = importlib.util.find_spec("cel")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("cel.cel", list(places or ()))
    if spec is None or spec.loader is None:
        return importlib.import_module("cel")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
