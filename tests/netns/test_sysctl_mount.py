"""In a container /proc/sys is read-only: sysctls are set through another mount of it, named by --proc-sys-net."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

CONTAINER = """
set -e
mount --bind /proc/sys/net "$1"
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
exec "$2" -c "$3" "$1"
"""
WORK = """
import sys
from adapters.netlink.kernel import NetlinkKernel
from ports.devices import Sysctl
from ports.errors import Code, Failure
from tests.support.private_net import add_veth, new_namespace

path = f"/proc/self/fd/{new_namespace()}"
wish = Sysctl(name="ipv4/arp_ignore", value="2")

kernel = NetlinkKernel()
blocked = kernel.open(path)
add_veth(blocked, "net1", kernel.host)
link = blocked.find("net1")
try:
    blocked.set_sysctl(link.identity.ifindex, wish)
    raise SystemExit("a read-only /proc/sys took it")
except Failure as failure:
    assert failure.code is Code.KERNEL and "--proc-sys-net" in failure.hint, failure

opened = NetlinkKernel(sysctl_root=sys.argv[1]).open(path)
opened.set_sysctl(link.identity.ifindex, wish)
assert opened.sysctls(link.identity.ifindex, ("ipv4/arp_ignore",)) == (wish,)
"""


def test_a_mount_elsewhere_is_writable_where_the_containers_own_is_not(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", CONTAINER, "sh", str(tmp_path), sys.executable, WORK],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
