"""The health stream as a kubelet sees it: everything at once, each change, a sign of life, and only so many streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from adapters.kubelet import health
from adapters.kubelet.health import MOST_STREAMS, answer
from adapters.kubelet.pb import health_v1_pb2, health_v1alpha1_pb2
from adapters.kubelet.plugin import KubeletPlugin
from adapters.standin import dra_client
from adapters.standin.dra_client import Plugin
from adapters.standin.health_client import HealthWatch
from adapters.standin.kubelet import StandinKubelet
from ports.health import DeviceHealth, HealthReport, Status
from tests.support.eventually import eventually

Make = Callable[..., KubeletPlugin]
GOLDEN = "0a230a0e0a066e6f64652d6112046574683110011880e2cfaa06205a2a076c696e6b207570"
ETH1 = DeviceHealth(
    pool="node-a", device="eth1", status=Status.HEALTHY, since=1700000000, timeout=90, message="link up"
)


class Reports:
    """Reports that a test sets."""

    def __init__(self, *devices: DeviceHealth) -> None:
        self._changed = threading.Condition()
        self._newest = HealthReport(edition=0, devices=devices)

    def set(self, *devices: DeviceHealth) -> None:
        with self._changed:
            self._newest = HealthReport(edition=self._newest.edition + 1, devices=devices)
            self._changed.notify_all()

    def report(self, after: int, timeout: float) -> HealthReport:
        with self._changed:
            self._changed.wait_for(lambda: self._newest.edition > after, timeout)
            return self._newest


def sick(device: str, message: str = "no carrier") -> DeviceHealth:
    return DeviceHealth(pool="node-a", device=device, status=Status.UNHEALTHY, since=5, message=message)


@pytest.fixture
def reports() -> Reports:
    return Reports(ETH1)


@pytest.fixture
def plugin(plugin_at: Make, reports: Reports) -> KubeletPlugin:
    made = plugin_at(reports=reports)
    made.serve()
    made.register()
    return made


@pytest.fixture(params=health.SERVICES)
def watch(plugin: KubeletPlugin, request: pytest.FixtureRequest) -> Iterator[HealthWatch]:
    made = watching(plugin, request.param)
    yield made
    made.stop()


def watching(plugin: KubeletPlugin, version: str = "v1.DRAResourceHealth") -> HealthWatch:
    return HealthWatch(
        Plugin(driver="dra.net", endpoint=plugin.paths.service, version="v1.DRAPlugin"), version, pause=0.05
    )


@pytest.mark.parametrize("pb", [health_v1_pb2, health_v1alpha1_pb2])
def test_the_bytes_are_those_of_the_kubelets_api(pb: object) -> None:
    assert answer(pb, HealthReport(edition=1, devices=(ETH1,))).SerializeToString().hex() == GOLDEN  # type: ignore[arg-type]


def test_a_long_message_is_shortened_to_what_the_kubelet_takes() -> None:
    (device,) = answer(health_v1_pb2, HealthReport(edition=1, devices=(sick("a", "ü" * 1000),))).devices
    assert len(device.message.encode()) <= 1024
    assert device.message.endswith("ü...")


def test_health_is_offered_behind_the_versions_of_the_driver_service(plugin: KubeletPlugin) -> None:
    info = dra_client.get_info(plugin.paths.registrar)
    assert list(info.supported_versions) == [
        "v1.DRAPlugin",
        "v1beta1.DRAPlugin",
        "v1.DRAResourceHealth",
        "v1alpha1.DRAResourceHealth",
    ]


def test_everything_comes_at_once_and_then_each_change(watch: HealthWatch, reports: Reports) -> None:
    assert watch.wait("eth1", "HEALTHY", 30)
    reports.set(ETH1, sick("eth2"))
    assert watch.wait("eth2", "UNHEALTHY", 30)
    assert watch.devices() == {"eth1": ("HEALTHY", "link up"), "eth2": ("UNHEALTHY", "no carrier")}
    reports.set(sick("eth2"))
    eventually(lambda: watch.devices().keys() == {"eth2"}, 30)


def test_the_same_is_sent_again_before_it_is_too_old(plugin_at: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.HealthStreams.__init__, "__defaults__", (0.05,))
    plugin = plugin_at(reports=Reports(ETH1))
    plugin.serve()
    watch = watching(plugin)
    eventually(lambda: watch.messages >= 4, 30)
    assert watch.devices()["eth1"][0] == "HEALTHY"
    watch.stop()


def test_every_subscriber_gets_everything(plugin: KubeletPlugin, reports: Reports) -> None:
    watches = [watching(plugin, version) for version in health.SERVICES for _ in range(2)]
    reports.set(sick("eth1"))
    assert all(watch.wait("eth1", "UNHEALTHY", 30) for watch in watches)
    for watch in watches:
        watch.stop()


def test_a_stream_too_many_is_refused_and_served_when_another_has_ended(plugin: KubeletPlugin) -> None:
    watches = [watching(plugin) for _ in range(MOST_STREAMS)]
    assert all(watch.wait("eth1", "HEALTHY", 30) for watch in watches)
    late = watching(plugin)
    assert not late.wait("eth1", "HEALTHY", 0.3)
    watches.pop().stop()
    assert late.wait("eth1", "HEALTHY", 30)
    for watch in [*watches, late]:
        watch.stop()


def test_a_driver_that_comes_back_is_heard_again(plugin: KubeletPlugin) -> None:
    watch = watching(plugin)
    assert watch.wait("eth1", "HEALTHY", 30)
    plugin.stop()
    eventually(lambda: watch.devices() == {}, 30)
    plugin.serve()
    assert watch.wait("eth1", "HEALTHY", 30)
    watch.stop()


def test_an_open_stream_does_not_delay_the_end(plugin: KubeletPlugin) -> None:
    watch = watching(plugin)
    assert watch.wait("eth1", "HEALTHY", 30)
    begun = time.monotonic()
    plugin.stop()
    assert time.monotonic() - begun < 10
    watch.stop()


def test_the_stand_in_kubelet_asks_every_driver_that_registers(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    kubelet.wait_registered("dra.net")
    assert kubelet.health("dra.net").wait("eth1", "HEALTHY", 30)
    plugin.stop()


def test_a_driver_without_health_answers_that_it_does_not_know_the_service(plugin_at: Make) -> None:
    plugin = plugin_at()
    plugin.serve()
    with grpc.insecure_channel(f"unix:{plugin.paths.service}", options=dra_client.OPTIONS) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            next(channel.unary_stream("/v1.DRAResourceHealth/NodeWatchResources")(b"", timeout=30))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_that_is_none_is_refused(plugin: KubeletPlugin) -> None:
    with grpc.insecure_channel(f"unix:{plugin.paths.service}", options=dra_client.OPTIONS) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            next(channel.unary_stream("/v1.DRAResourceHealth/NodeWatchResources")(b"\xff", timeout=30))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
