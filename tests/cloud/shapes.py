"""What the metadata servers answer, in their shapes: as their documentation shows them, with names and numbers of nobody."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.metadata import Asked, FakeServer, Reply

FLAVOR = {"Metadata-Flavor": "Google"}
MAC = "42:01:0a:80:00:05"
GCE_NICS = [
    {
        "accessConfigs": [{"externalIp": "", "type": "ONE_TO_ONE_NAT"}],
        "dnsServers": ["169.254.169.254"],
        "forwardedIps": [],
        "gateway": "10.128.0.1",
        "ip": "10.128.0.5",
        "ipAliases": ["10.24.3.0/24", "10.24.4.0/24"],
        "mac": MAC,
        "mtu": 8896,
        "network": "projects/123456789012/networks/gpu-net-1",
        "subnetmask": "255.255.240.0",
        "targetInstanceIps": [],
    },
    {"mac": "42:01:0a:80:00:06", "mtu": 1460, "network": "projects/123456789012/networks/default"},
]


def gce(**more: Reply) -> FakeServer:
    """Google's: each request needs the flavour, each answer has it."""
    root = "/computeMetadata/v1/instance"
    return FakeServer(
        {
            f"{root}/machine-type": _google("projects/123456789012/machineTypes/a4-highgpu-8g"),
            f"{root}/network-interfaces/?recursive=true&alt=json": _google(GCE_NICS),
            f"{root}/attributes/physical_host": _google("/b1/s2/h3"),
            **{f"{root}/{path.replace('_', '-')}": reply for path, reply in more.items()},
        }
    )


def _google(body: object) -> Reply:
    return Reply(body=body, headers=FLAVOR, needs=FLAVOR)  # type: ignore[arg-type]


def aws() -> FakeServer:
    """Amazon's, version 2: nothing without a token."""
    data = "/latest/meta-data"
    nic = f"{data}/network/interfaces/macs/{MAC}"
    texts = {
        f"{data}/placement/availability-zone-id": "use2-az1",
        f"{data}/placement/group-name": "training",
        f"{data}/network/interfaces/macs/": f"{MAC}/\n0e:00:00:00:00:02/\n",
        f"{nic}/network-card": "3",
        f"{nic}/subnet-id": "subnet-0abc",
        f"{data}/network/interfaces/macs/0e:00:00:00:00:02/subnet-id": "subnet-0def",
    }
    document = {
        "accountId": "123456789012",
        "instanceType": "p5.48xlarge",
        "region": "us-east-2",
        "version": "2017-09-30",
    }
    needs = {"X-aws-ec2-metadata-token": "token-1"}
    return FakeServer(
        {
            "/latest/api/token": lambda asked: _token(asked, "X-aws-ec2-metadata-token-ttl-seconds"),
            "/latest/dynamic/instance-identity/document": Reply(body=document, needs=needs),
            **{path: Reply(body=text, needs=needs) for path, text in texts.items()},
        }
    )


def _token(asked: Asked, header: str) -> Reply:
    lower: Mapping[str, str] = {name.lower(): value for name, value in asked.headers.items()}
    good = asked.method == "PUT" and 0 < int(lower.get(header.lower(), "0")) <= 21600
    return Reply(body="token-1") if good else Reply(status=400)


AZURE_NICS = {
    "interface": [
        {
            "ipv4": {
                "ipAddress": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": ""}],
                "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
            },
            "ipv6": {"ipAddress": []},
            "macAddress": "0022480C7A01",
        },
        {
            "ipv4": {
                "ipAddress": [{"privateIpAddress": "10.9.255.4", "publicIpAddress": ""}],
                "subnet": [{"address": "10.9.255.0", "prefix": "24"}],
            },
            "ipv6": {"ipAddress": [{"privateIpAddress": "2001:db8::4"}]},
            "macAddress": "42010A800005",
        },
    ]
}


def azure(versions: tuple[str, ...] = ("2025-11-11", "2021-02-01")) -> FakeServer:
    """Microsoft's: a header, and a version that it knows."""
    compute = {
        "vmSize": "Standard_ND96isr_H100_v5",
        "placementGroupId": "a9f3b7d2-0000-4000-8000-000000000001",
        "interconnectGroupId": "",
        "location": "eastus",
    }
    unknown = Reply(
        status=400, body={"error": "Bad request. api-version is invalid", "newest-versions": list(versions)}
    )
    replies = {
        f"/metadata/instance/{part}?api-version={version}&format=json": (
            Reply(body=body, needs={"Metadata": "true"}) if version in versions else unknown
        )
        for part, body in (("compute", compute), ("network", AZURE_NICS))
        for version in ("2025-11-11", "2021-02-01")
    }
    return FakeServer(replies)


def ocid(kind: str, letter: str) -> str:
    return f"ocid1.{kind}.oc1.us-ashburn-1.{letter * 60}"


OKE_HOST = {
    "id": "h1",
    "buildingId": "b1",
    "networkBlockId": "raw-block",
    "rackId": "rack-7",
    "rdmaTopologyData": {
        "customerHPCIslandId": ocid("hpcisland", "a"),
        "customerNetworkBlock": ocid("networkblock", "b"),
        "customerLocalBlock": ocid("localblock", "c"),
        "customerGpuMemoryFabric": "",
        "customerHostId": ocid("computebaremetalhost", "d"),
    },
}


def oke(host: object = OKE_HOST) -> FakeServer:
    """Oracle's, version 2."""
    needs = {"Authorization": "Bearer Oracle"}
    return FakeServer(
        {
            "/opc/v2/instance/": Reply(body={"id": ocid("instance", "i"), "shape": "BM.GPU.H100.8"}, needs=needs),
            "/opc/v2/host/": Reply(body=host, needs=needs),  # type: ignore[arg-type]
        }
    )


def alibaba() -> FakeServer:
    """Alibaba's, with a token."""
    return FakeServer(
        {
            "/latest/api/token": lambda asked: _token(asked, "X-aliyun-ecs-metadata-token-ttl-seconds"),
            "/latest/meta-data/instance/instance-type": Reply(
                body="ecs.ebmgn8v.48xlarge", needs={"X-aliyun-ecs-metadata-token": "token-1"}
            ),
        }
    )
