"""RDMA drivers for the guest that change their namespace as those of hardware do: rxe, patched and built here.

ib_core moves only devices whose driver can take back a user's context (``disassociate_ucontext``), which no software
RDMA driver in Linux can; and those drivers drop their device when its interface leaves the namespace. Neither is so with
hardware. What this does not prove is the conduct of hardware drivers themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support import debian

SOURCE = "drivers/infiniband/sw/rxe"
BUILT = "rdma_rxe_movable"

TAKE_BACK = r"static void rxe_disassociate_ucontext(struct ib_ucontext *uctx)\n{\n}\n\n\1"
FOLLOW = r"""\tcase NETDEV_REGISTER:
\t\trxe_net_init(ndev);
\t\tbreak;
\1\t\tif (ndev->reg_state == NETREG_REGISTERED) {
\t\t\trxe_net_del(&rxe->ib_dev);
\t\t\tbreak;
\t\t}
"""
EDITS = (
    ("rxe_verbs.c", r"^(static const struct ib_device_ops rxe_dev_ops = \{)", TAKE_BACK),
    (
        "rxe_verbs.c",
        r"^(\t\.dealloc_ucontext = rxe_dealloc_ucontext,\n)",
        r"\1\t.disassociate_ucontext = rxe_disassociate_ucontext,\n",
    ),
    ("rxe_qp.c", r"IB_QPT_GSI && port->qp_gsi_index\)", r"IB_QPT_GSI && 0)"),  # ib_mad makes its pair anew after a move
    ("rxe_net.c", r"^(\tcase NETDEV_UNREGISTER:\n)", FOLLOW),  # its sockets, one pair a namespace, go along
)
SCRIPT = """set -e
make -s -j{processors} -C /usr/src/linux-headers-{release} M=/mnt/{source} CONFIG_RDMA_RXE=m modules
strip --strip-debug /mnt/{source}/rdma_rxe.ko
"""
ENTER = """mount --bind "$1" "$0/mnt" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
exec chroot "$0" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/tmp LC_ALL=C dash /mnt/build.sh"""


def build(tree: Path) -> tuple[str, ...]:
    """Add the drivers to the modules of the kernel below ``tree``, which holds its sources and a compiler too."""
    [directory] = (tree / "usr/lib/modules").iterdir()
    target = directory / "updates" / f"{BUILT}.ko"
    with tempfile.TemporaryDirectory(prefix="knd-build-") as work:
        _unpack(tree, Path(work))
        for file, pattern, replacement in EDITS:
            _edit(Path(work) / SOURCE / file, pattern, replacement)
        _compile(tree, Path(work), directory.name)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(Path(work) / SOURCE / "rdma_rxe.ko", target)
    return (BUILT,)


def _unpack(tree: Path, work: Path) -> None:
    [archive] = (tree / "usr/src").glob("linux-source-*.tar.xz")
    command = ["tar", "-x", "-C", str(work), "--strip-components=1", "--wildcards", "-f", str(archive)]
    subprocess.run([*command, f"*/{SOURCE}/*"], check=True)


def _edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    if count != 1:
        raise debian.Unavailable(f"{path.name} of this kernel is not the one that the patch was made for")
    path.write_text(text)


def _compile(tree: Path, work: Path, release: str) -> None:
    for link, program in (("sh", "dash"), ("awk", "mawk")):
        if not (tree / "usr/bin" / link).is_symlink():
            (tree / "usr/bin" / link).symlink_to(program)
    script = SCRIPT.format(processors=os.cpu_count() or 1, release=release, source=SOURCE)
    (work / "build.sh").write_text(script)
    command = ["unshare", "-m", "sh", "-c", ENTER, str(tree), str(work)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise debian.Unavailable(f"the drivers for Linux {release} cannot be built:\n{done.stdout[-3000:]}")
