"""A kernel ready to boot: its image, unpacked, and an initial RAM disk. Made once and kept in the cache."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian
from tests.vm import modules, packages, patches
from tests.vm.modules import Modules
from tests.vm.packages import Flavour

GUEST = Path(__file__).parent / "guest"
MOUNT_POINTS = ("bin", "modules", "proc", "sys", "dev", "host", "memory", "new")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """What QEMU boots."""

    release: str
    image: Path
    initrd: Path


def prepared(flavour: Flavour) -> Kernel:
    """The kernel, made anew whenever the list of modules, the first script or the patches have changed."""
    tree = flavour.tree()
    [directory] = (tree / "usr/lib/modules").iterdir()
    place = debian.cache_dir() / "vm" / f"{flavour.name}-{directory.name}-{_recipe(flavour)}"
    with debian.locked(place.parent):
        if not place.exists():
            _make(flavour, tree, place)
    return Kernel(release=directory.name, image=place / "kernel", initrd=place / "initrd")


def _recipe(flavour: Flavour) -> str:
    parts = [(GUEST / "init.sh").read_text(), repr((modules.NEEDED, modules.STOCK_RDMA, modules.ARGUMENTS))]
    if flavour.patched:
        parts.append(Path(patches.__file__).read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _make(flavour: Flavour, tree: Path, place: Path) -> None:
    rdma = patches.build(tree) if flavour.patched else modules.STOCK_RDMA
    with tempfile.TemporaryDirectory(prefix=".new-", dir=place.parent) as work:
        made = Path(work) / "made"
        made.mkdir()
        known = Modules(tree)
        (made / "kernel").write_bytes(_elf(_compressed_image(tree, known.release).read_bytes()))
        _initrd(made / "initrd", Path(work) / "root", known.order((*modules.NEEDED, *rdma)))
        made.rename(place)


def _compressed_image(tree: Path, release: str) -> Path:
    places = (tree / f"boot/vmlinuz-{release}", tree / f"usr/lib/modules/{release}/vmlinuz")
    return next(path for path in places if path.exists())


def _elf(image: bytes) -> bytes:
    """The ELF file inside a bzImage (Documentation/arch/x86/boot.rst: payload_offset, payload_length).

    QEMU starts it as it is, which saves an emulated processor the work of unpacking it.
    """
    start = int.from_bytes(image[0x248:0x24C], "little") + ((image[0x1F1] or 4) + 1) * 512
    payload = image[start : start + int.from_bytes(image[0x24C:0x250], "little")]
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    zstd = debian.loaded(packages.emulator(), "zstd")
    frame = payload[:-4]  # the kernel's build appends the unpacked size
    return subprocess.run([*zstd, "-dc"], input=frame, stdout=subprocess.PIPE, check=True).stdout


def _initrd(target: Path, root: Path, files: list[Path]) -> None:
    for name in MOUNT_POINTS:
        (root / name).mkdir(parents=True)
    busybox = packages.emulator() / "usr/bin/busybox"
    shutil.copy2(busybox, root / "bin/busybox")
    shutil.copy2(GUEST / "init.sh", root / "init")
    (root / "init").chmod(0o755)
    for path in files:
        (root / "modules" / modules.file_name(path)).write_bytes(modules.content(path))
    (root / "modules/order").write_text("".join(f"{modules.load_line(path)}\n" for path in files))
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    archive = [str(busybox), "cpio", "-o", "-H", "newc"]
    with target.open("wb") as output:
        subprocess.run(archive, cwd=root, input=names.encode(), stdout=output, stderr=subprocess.DEVNULL, check=True)
