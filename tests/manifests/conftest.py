"""Rendering with the real kustomize, out of Debian's package."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import debian

MANIFESTS = Path(__file__).parents[2] / "manifests"


def rendered(name: str) -> list[dict[str, Any]]:
    """What kustomize makes of a directory below manifests."""
    kustomize = debian.loaded(debian.unpacked("kustomize"), "kustomize")
    done = subprocess.run([*kustomize, "build", str(MANIFESTS / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="session")
def base() -> list[dict[str, Any]]:
    """What is installed."""
    return rendered("base")


@pytest.fixture(scope="session")
def examples() -> list[dict[str, Any]]:
    """What a user would write."""
    return rendered("examples")


@pytest.fixture(scope="session")
def daemonset(base: list[dict[str, Any]]) -> dict[str, Any]:
    """The agent."""
    return next(body for body in base if body["kind"] == "DaemonSet")


@pytest.fixture(scope="session")
def containers(daemonset: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The agent's containers by name."""
    return {container["name"]: container for container in daemonset["spec"]["template"]["spec"]["containers"]}
