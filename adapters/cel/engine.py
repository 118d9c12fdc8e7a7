"""The CEL library's engine without its command line, loaded once a process and only when it is needed.

Importing the package ``cel`` as a whole loads its terminal program too, with some 250 modules, 11 MiB and 0.2 s of every
start; all we need is the one extension module inside it. That one panics when it is executed a second time in a process
(it installs a global logger), so it is kept where an import of the whole package finds it as well.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from importlib.machinery import PathFinder
from typing import Any

NAME = "cel.cel"
_loading = threading.Lock()


def load() -> Any:
    """The extension module; the whole package where a release has no such module inside."""
    with _loading:
        return sys.modules.get(NAME) or _loaded()


def _loaded() -> Any:
    package = importlib.util.find_spec("cel")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec(NAME, list(places or ()))
    if spec is None or spec.loader is None:
        return importlib.import_module("cel")
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    return module
