"""The modules of the ``kubernetes`` package that are used, without the rest of it.

Importing the package itself brings pydantic, websockets, OAuth, informers and leader election into a process that uses none
of them: 14 MiB on every node. So its modules are imported with packages around them that have not been run. These are
forgotten again, and so is ``kubernetes.client``: whoever imports any of them later on gets all of it, from the top.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

UNUSED = ("kubernetes", "kubernetes.config", "kubernetes.utils")
FORGOTTEN = (*UNUSED, "kubernetes.client")


@contextmanager
def _not_run() -> Iterator[None]:
    made = [name for name in FORGOTTEN if name not in sys.modules]
    try:
        for name in filter(UNUSED.__contains__, made):
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(name)
            sys.modules[name] = module_from_spec(spec)
        yield
    finally:
        for name in made:
            sys.modules.pop(name, None)


with _not_run():
    from kubernetes.client.configuration import Configuration as Configuration
    from kubernetes.client.rest import RESTClientObject as RESTClientObject
    from kubernetes.config.config_exception import ConfigException as ConfigException
    from kubernetes.config.incluster_config import load_incluster_config as load_incluster_config
    from kubernetes.utils.keepalive import tcp_keepalive_socket_options as tcp_keepalive_socket_options


def kubeconfig_loader() -> Callable[..., None]:
    """``load_kube_config``. Its module is for those who have such a file, and names a client of models that it does not use."""
    with _not_run():
        client: Any = import_module("kubernetes.client")
        given = "ApiClient" in vars(client)
        if not given:
            client.ApiClient = object
        try:
            return import_module("kubernetes.config.kube_config").load_kube_config  # type: ignore[no-any-return]
        finally:
            if not given:
                del client.ApiClient
