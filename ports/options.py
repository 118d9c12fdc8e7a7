"""The flags that several commands share: one name, one environment twin, one meaning everywhere.

An unknown flag or a bad value ends with exit status 2 and one line on standard error.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NoReturn

DEFAULT_DRIVER = "dra.net"
DEFAULT_FILTER = '!("dra.net/type" in attributes) || attributes["dra.net/type"].StringValue != "veth"'
LEVELS = ("debug", "info", "warning", "error")
SWITCH = ("true", "false")
FORMATS = ("auto", "json", "text")
DRIVER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
MAX_SOCKET_PATH = 107  # sizeof(sun_path) - 1, linux/un.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One flag. ``env`` is its environment twin; the flag wins over the environment, the environment over the default."""

    flag: str
    env: str
    default: str
    help: str
    check: Callable[[str], str] = str

    @property
    def field(self) -> str:
        """The attribute under which the value is found."""
        return self.flag.removeprefix("--").replace("-", "_")


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in choices:
            raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(choices)}")
        return value

    return check


def _named(*choices: str) -> Callable[[str], str]:
    """One of these names in any case, or nothing."""
    known = {choice.lower(): choice for choice in choices}

    def check(value: str) -> str:
        if value and value.lower() not in known:
            raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(choices)}")
        return known.get(value.lower(), "")

    return check


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise argparse.ArgumentTypeError(f"{value!r} is no absolute path")
    return value.rstrip("/") or "/"


def _optional_path(value: str) -> str:
    return _path(value) if value else ""


def _runtime_dir(value: str) -> str:
    path = _path(value)
    longest = MAX_SOCKET_PATH - len("/prepare/dataplane.sock")
    if len(path.encode()) > longest:
        raise argparse.ArgumentTypeError(f"{value!r} is too long for Unix sockets below it (at most {longest} bytes)")
    return path


def _addresses(value: str) -> str:
    for text in value.split(",") if value else ():
        try:
            ip_address(text.strip())
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text.strip()!r} is no IP address") from error
    return ",".join(text.strip() for text in value.split(",")) if value else ""


def _driver(value: str) -> str:
    if len(value) > 63 or not DRIVER_NAME.fullmatch(value):
        raise argparse.ArgumentTypeError(f"{value!r} is no lower-case DNS subdomain of at most 63 characters")
    return value


def _bind(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if value and not (colon and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{value!r} is no address:port, such as 127.0.0.1:9177 (empty: serve none)")
    return f"{host}:{port}" if value else ""


KUBECONFIG = Option(
    flag="--kubeconfig",
    env="KUBECONFIG",
    default="",
    help="how to reach the API server (empty: the pod's service account)",
)
NODE_NAME = Option(
    flag="--node-name", env="NODE_NAME", default="", help="name of this node (empty: the host name, in lower case)"
)
DRIVER = Option(
    flag="--driver-name",
    env="KND_DRIVER_NAME",
    default=DEFAULT_DRIVER,
    check=_driver,
    help="DRA driver name, as in DeviceClasses and claims",
)
KUBELET_ROOT = Option(
    flag="--kubelet-root",
    env="KND_KUBELET_ROOT",
    default="/var/lib/kubelet",
    check=_path,
    help="the kubelet's root directory",
)
NRI_SOCKET = Option(
    flag="--nri-socket",
    env="KND_NRI_SOCKET",
    default="/var/run/nri/nri.sock",
    check=_path,
    help="the container runtime's NRI socket",
)
RUNTIME_DIR = Option(
    flag="--runtime-dir",
    env="KND_RUNTIME_DIR",
    default="/run/knd",
    check=_runtime_dir,
    help="sockets and ledger of this node; a tmpfs",
)
SYSFS_ROOT = Option(
    flag="--sysfs-root", env="KND_SYSFS_ROOT", default="/sys", check=_path, help="where sysfs is mounted"
)
PROC_SYS_NET = Option(
    flag="--proc-sys-net",
    env="KND_PROC_SYS_NET",
    default="/proc/sys/net",
    check=_path,
    help="where /proc/sys/net is mounted writable (in a container: a mount of the host's)",
)
CDI_ROOT = Option(
    flag="--cdi-root",
    env="KND_CDI_ROOT",
    default="/var/run/cdi",
    check=_optional_path,
    help="the runtime's directory of dynamic CDI specs (empty: no CDI gate, the NRI gate alone)",
)
FILTER = Option(
    flag="--filter",
    env="KND_FILTER",
    default=DEFAULT_FILTER,
    help="CEL expression over `attributes`: which devices are published (empty: all)",
)
NODE_CONFIG = Option(
    flag="--node-config",
    env="KND_NODE_CONFIG",
    default="",
    check=_optional_path,
    help="YAML file: which devices are published or denied, further attributes, health policy (empty: all devices)",
)
LLDP_FILE = Option(
    flag="--lldp-file",
    env="KND_LLDP_FILE",
    default="",
    check=_optional_path,
    help="what `lldpcli -f json0 show neighbors` wrote, kept fresh by somebody (empty: no LLDP attributes)",
)
CLOUD_PROVIDER = Option(
    flag="--cloud-provider-hint",
    env="KND_CLOUD_PROVIDER_HINT",
    default="",
    check=_named("GCE", "AWS", "AZURE", "OKE", "ALIBABA", "webhook", "NONE"),
    help="the platform that describes the devices: GCE, AWS, AZURE, OKE, ALIBABA, webhook, NONE (empty: find out)",
)
PROFILE_PROVIDER = Option(
    flag="--profile-provider",
    env="KND_PROFILE_PROVIDER",
    default="cloud",
    check=_one_of(("cloud", "webhook", "none")),
    help="who gives configuration for profiles: cloud (the platform, if it has profiles), webhook, none",
)
WEBHOOK_URL = Option(
    flag="--webhook-url",
    env="KND_WEBHOOK_URL",
    default="",
    help="a site's own provider of attributes and profiles: http(s)://host:port or unix:///path (empty: none)",
)
WEBHOOK_CA = Option(
    flag="--webhook-ca-file",
    env="KND_WEBHOOK_CA_FILE",
    default="",
    check=_optional_path,
    help="certificates, in PEM, by which the webhook's is trusted (empty: the system's)",
)
WEBHOOK_TOKEN = Option(
    flag="--webhook-token-file",
    env="KND_WEBHOOK_TOKEN_FILE",
    default="",
    check=_optional_path,
    help="file with the bearer token for the webhook, read for each call (empty: none)",
)
MOVE_IB_INTERFACES = Option(
    flag="--move-ib-interfaces",
    env="KND_MOVE_IB_INTERFACES",
    default="true",
    check=_one_of(SWITCH),
    help="true: IPoIB interfaces are devices; false: they stay in the host, and their RDMA devices are given away alone",
)
NEEDED_ADDRESSES = Option(
    flag="--needed-addresses",
    env="KND_NEEDED_ADDRESSES",
    default="",
    check=_addresses,
    help="IP addresses, with commas in between: the node's own and those it must keep reaching (API servers, storage); "
    "interfaces that have or lead to one are never given away",
)
BIND_ADDRESS = Option(
    flag="--bind-address",
    env="KND_BIND_ADDRESS",
    default="127.0.0.1:9177",
    check=_bind,
    help="address:port of /healthz, /readyz and /metrics (empty: none)",
)
LOG_LEVEL = Option(
    flag="--log-level", env="KND_LOG_LEVEL", default="info", check=_one_of(LEVELS), help="one of " + ", ".join(LEVELS)
)
LOG_FORMAT = Option(
    flag="--log-format",
    env="KND_LOG_FORMAT",
    default="auto",
    check=_one_of(FORMATS),
    help="json (one object a line), text, or auto: text on a terminal",
)

COMMON = (RUNTIME_DIR, LOG_LEVEL, LOG_FORMAT)
PLATFORM = (CLOUD_PROVIDER, PROFILE_PROVIDER, WEBHOOK_URL, WEBHOOK_CA, WEBHOOK_TOKEN)
DRA = (KUBECONFIG, NODE_NAME, DRIVER, KUBELET_ROOT, FILTER, NODE_CONFIG, CDI_ROOT, BIND_ADDRESS, *PLATFORM, *COMMON)
NRI = (DRIVER, NRI_SOCKET, CDI_ROOT, SYSFS_ROOT, *COMMON)
WATCH = (DRIVER, SYSFS_ROOT, NODE_CONFIG, LLDP_FILE, NEEDED_ADDRESSES, MOVE_IB_INTERFACES, *COMMON)
DATAPLANE = (DRIVER, CDI_ROOT, SYSFS_ROOT, PROC_SYS_NET, NODE_CONFIG, NEEDED_ADDRESSES, MOVE_IB_INTERFACES, *COMMON)
ALL = tuple(dict.fromkeys((*DRA, *NRI, *WATCH, *DATAPLANE)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser(prog: str, description: str, options: Iterable[Option], env: Mapping[str, str]) -> argparse.ArgumentParser:
    """A parser for these options. Values from the environment are checked like flags; errors are one line, status 2."""
    made = _Parser(prog=prog, description=description, allow_abbrev=False)
    for option in options:
        made.add_argument(
            option.flag,
            type=option.check,
            default=env.get(option.env, option.default),
            metavar="VALUE",
            help=f"{option.help} [env {option.env}; default {option.default or 'empty'}]".replace("%", "%%"),
        )
    return made


def arguments(options: Iterable[Option], values: Any) -> list[str]:
    """The values as command-line arguments again, for starting another process with the same settings."""
    return [f"{option.flag}={getattr(values, option.field)}" for option in options]


def needed(values: Any, env: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses that the node must keep: those it was told, and the API server's as every pod is told it."""
    told = (*values.needed_addresses.split(","), env.get("KUBERNETES_SERVICE_HOST", ""))
    return tuple(dict.fromkeys(text for text in told if text and _is_address(text)))


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:  # a host name
        return False
