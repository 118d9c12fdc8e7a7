"""Names and numbers of NRI that both ends must agree on (nri.pkg.api.v1alpha1)."""

from __future__ import annotations

import re
from typing import Final

from adapters.nri.pb import nri_pb2 as nri
from ports.errors import Code, Failure

PLUGIN_CHANNEL: Final = 1  # the plugin serves here, the runtime calls
RUNTIME_CHANNEL: Final = 2  # the runtime serves here, the plugin calls
PLUGIN_SERVICE: Final = "nri.pkg.api.v1alpha1.Plugin"
RUNTIME_SERVICE: Final = "nri.pkg.api.v1alpha1.Runtime"

DEDICATED: Final = {
    nri.RUN_POD_SANDBOX: "RunPodSandbox",
    nri.STOP_POD_SANDBOX: "StopPodSandbox",
    nri.REMOVE_POD_SANDBOX: "RemovePodSandbox",
    nri.POST_CREATE_CONTAINER: "PostCreateContainer",
    nri.START_CONTAINER: "StartContainer",
    nri.POST_START_CONTAINER: "PostStartContainer",
    nri.REMOVE_CONTAINER: "RemoveContainer",
}
"""Events that came as StateChange before NRI 0.12 and have a method of their own since."""

_INDEX = re.compile(r"[0-9]{2}")
_FOREIGN = re.compile(r"[^A-Za-z0-9_.+-]")


def mask(*events: nri.Event) -> int:
    """The subscription to these events: bit ``number - 1`` each."""
    return sum(1 << (event - 1) for event in events)


def plugin_name(driver: str) -> str:
    """The driver's name as a plugin name: NRI 0.12 allows letters, digits and ``_ - . +`` only."""
    if not driver:
        raise Failure(Code.INVALID, "NRI plugin", "the plugin name is empty", "give the driver a name")
    return _FOREIGN.sub("-", driver)


def plugin_index(index: str) -> str:
    """The index by which the runtime orders its plugins, if it is one: exactly two digits."""
    if not _INDEX.fullmatch(index):
        raise Failure(Code.INVALID, "NRI plugin", f"index {index!r} is not two digits", "use 00 to run first")
    return index
