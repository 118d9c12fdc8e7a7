"""Of the ``kubernetes`` package a process loads what it uses, and whoever wants the rest still gets it."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("pydantic", "websocket", "oauthlib", "kubernetes.client.api_client", "kubernetes.informer")
LOOK = f"""
import json, sys
import agent.dra
from adapters.kube.package import kubeconfig_loader
heavy = {HEAVY}
loaded = lambda: sorted(name for name in heavy if name in sys.modules)
print(json.dumps(loaded()))
assert callable(kubeconfig_loader())
print(json.dumps(loaded()))
from kubernetes.client import ApiClient
import kubernetes, kubernetes.client, kubernetes.config
print(json.dumps([
    kubernetes.client.ApiClient.__module__,
    kubernetes.config.load_kube_config is kubeconfig_loader(),
    bool(kubernetes.watch and kubernetes.utils.parse_quantity),
]))
"""


def test_the_rest_of_the_package_is_not_loaded_and_not_broken() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    in_cluster, with_a_file, whole = map(json.loads, done.stdout.splitlines())
    assert in_cluster == []
    assert with_a_file == ["oauthlib"]
    assert whole == ["kubernetes.client.api_client", True, True]
