"""The Containerfile, as far as it can be checked without a container engine and a registry.

What it does with pip is done for real in ``test_wheel``.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

from adapters.sysfs.names import PLACES
from tests.packaging.test_wheel import FILES, SOURCES

ROOT = Path(__file__).parents[2]
PCI_IDS = "/usr/share/misc/pci.ids"
WORDS = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "ENTRYPOINT", "CMD"}


def _instructions() -> list[tuple[str, str]]:
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, rest.strip()) for word, _, rest in pairs]


def _stages() -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for word, rest in _instructions():
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, rest))
    return stages


def _of(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    return [rest for word, rest in stage if word == wanted]


def test_every_line_is_an_instruction() -> None:
    assert {word for word, _ in _instructions()} <= WORDS
    assert _instructions()[0][0] == "ARG"


def test_both_stages_are_on_the_same_base_so_that_the_environment_fits() -> None:
    build, final = _stages()
    assert _of(build, "FROM") == ["${BASE} AS build"]
    assert _of(final, "FROM") == ["${BASE}"]


def test_names_of_pci_devices_are_where_they_are_looked_for() -> None:
    assert PCI_IDS in PLACES
    build, _ = _stages()
    assert re.search(r"apt-get install [^&]*\bpci\.ids\b", " ".join(_of(build, "RUN")))


def test_the_image_holds_the_environment_and_nothing_of_the_build() -> None:
    _, final = _stages()
    assert _of(final, "COPY") == ["--from=build /opt/knd /opt/knd", f"--from=build {PCI_IDS} {PCI_IDS}"]
    assert not re.search(r"apt|gcc|build-essential|pip", " ".join(_of(final, "RUN")))


def test_all_sources_are_copied_and_each_exists() -> None:
    build, _ = _stages()
    copied = {name for line in _of(build, "COPY") for name in line.split()[:-1]}
    assert copied == {*SOURCES, *FILES}
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_our_wheel_comes_after_what_it_depends_on() -> None:
    build, _ = _stages()
    order = [index for index, (_, rest) in enumerate(build) if "requirements.txt" in rest or "pip wheel" in rest]
    sources = next(index for index, (_, rest) in enumerate(build) if rest == "agent agent")
    assert order[0] < sources < order[-1]


def test_the_dependencies_are_read_out_of_setup_cfg() -> None:
    build, _ = _stages()
    [script] = re.findall(r"python3 -c '([^']+)'", " ".join(_of(build, "RUN")))
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = config["options"]["install_requires"].split("\n")
    assert [line for line in printed.splitlines() if line] == [line for line in wanted if line]


def test_it_runs_as_nobody_in_particular_and_imports_nothing_from_where_it_stands() -> None:
    _, final = _stages()
    assert _of(final, "USER") == ["65532:65532"]
    assert "PYTHONSAFEPATH=1" in " ".join(_of(final, "ENV")).split()
    assert _of(final, "ENTRYPOINT") == ['["knd"]']
