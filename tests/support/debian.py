"""Programs out of newer Debian suites, for tests on an older machine: nothing is installed, nothing is configured.

Packages are downloaded by a private apt (its own sources, lists and state) that checks the archive's signature with
Debian's keyring, and are unpacked once below the cache directory. They bring their own loader and libraries, so they run
either in a root of their own or through their own ``ld.so``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "forky"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PUBLIC_MIRROR = "http://deb.debian.org/debian"
MERGED = ("bin", "sbin", "lib", "lib64")
MOUNT_POINTS = ("dev", "etc", "mnt", "proc", "run", "sys", "tmp", "var")


class Unavailable(Exception):
    """The machine cannot provide the packages; the text names the remedy."""


def cache_dir() -> Path:
    """Where unpacked packages are kept: ``KND_RUNTIME_CACHE``, else a directory of the user's cache."""
    given = os.environ.get("KND_RUNTIME_CACHE")
    if given:
        return Path(given)
    home = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "knd-runtime"


def unpacked(*packages: str, suite: str = SUITE) -> Path:
    """A directory tree with these packages of the suite and what they depend on; made at the first call."""
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    tree = cache_dir() / f"{suite}-{name}"
    with locked(cache_dir()):
        if not tree.exists():
            _build(tree, packages, suite)
    return tree


def loaded(tree: Path, program: str) -> list[str]:
    """The start of a command line that runs ``usr/bin/<program>`` of the tree with the tree's own libraries."""
    [loader] = (tree / "usr").glob("lib*/ld-linux-*.so.*")
    libraries = ":".join(str(path) for path in sorted((tree / "usr/lib").glob("*-linux-gnu*")))
    return [str(loader), "--library-path", libraries, str(tree / "usr/bin" / program)]


def missing_tools() -> str:
    """What this machine lacks for a download, as a remedy; empty when nothing."""
    lacking = [tool for tool in ("apt-get", "dpkg-deb", "tar") if shutil.which(tool) is None]
    if lacking:
        return f"{', '.join(lacking)} not found: the packages come from Debian, so use a Debian or Ubuntu machine"
    return "" if KEYRING.exists() else f"{KEYRING} not found: apt-get install debian-archive-keyring"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """The directory, made if need be, for this process alone: what is kept there is made once."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tree: Path, packages: tuple[str, ...], suite: str) -> None:
    remedy = missing_tools()
    if remedy:
        raise Unavailable(remedy)
    for left in tree.parent.glob(".new-*"):
        shutil.rmtree(left)
    work = Path(tempfile.mkdtemp(prefix=".new-", dir=tree.parent))
    try:
        for package in _download(work / "apt", packages, suite):
            _unpack(package, work / "root")
        (work / "root").rename(tree)
    finally:
        shutil.rmtree(work)


def _download(state: Path, packages: tuple[str, ...], suite: str) -> list[Path]:
    for sub in ("lists/partial", "archives/partial"):
        (state / sub).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n")
    _apt(state, "update")
    _apt(state, "--no-install-recommends", "--download-only", "install", *packages)
    return sorted((state / "archives").glob("*.deb"))


def _apt(state: Path, *arguments: str) -> None:
    settings = {
        "Dir::Etc::SourceList": f"{state}/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": f"{state}/lists",
        "Dir::State::status": f"{state}/status",
        "Dir::Cache": str(state),
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    done = subprocess.run(
        ["apt-get", *options, "-y", "-qq", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"apt-get {arguments[0]} failed (KND_DEBIAN_MIRROR sets another mirror):\n{done.stdout}")


def _mirror() -> str:
    """The Debian archive that this machine's own apt uses; on another distribution the public one."""
    return os.environ.get("KND_DEBIAN_MIRROR") or _mirror_of_indexes() or _mirror_of_sources() or PUBLIC_MIRROR


def _mirror_of_indexes() -> str:
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout
    return next((line[14:] for line in shown.splitlines() if line.startswith("Debian|Debian|")), "")


def _mirror_of_sources() -> str:
    """Before the first ``apt-get update`` there are no indexes: read the sources themselves."""
    for path in (*sorted(Path("/etc/apt/sources.list.d").glob("*")), Path("/etc/apt/sources.list")):
        if path.suffix in (".sources", ".list") and path.is_file():
            found = re.search(
                r"^(?:URIs:|deb (?:\[[^]]*\] )?)\s*(\S+/debian/?)(?:\s|$)", path.read_text(), re.MULTILINE
            )
            if found:
                return found.group(1)
    return ""


def _unpack(package: Path, root: Path) -> None:
    """The package's files below ``root``, where /bin, /sbin and /lib are links into /usr as on any Debian today."""
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    for name in MOUNT_POINTS:
        (root / name).mkdir(exist_ok=True)
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE, check=True).stdout
    command = ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", str(root), "-f", "-"]
    subprocess.run(command, input=archive, check=True)
