"""How we offer ourselves: order, version choice, every registration noticed, and a prompt goodbye."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from adapters.kubelet.plugin import KubeletPlugin
from adapters.standin import dra_client
from adapters.standin.kubelet import StandinKubelet
from ports.errors import Code, Failure
from tests.protocols.kubelet.hooks import RecordingHooks, claim

Make = Callable[..., KubeletPlugin]


def test_a_registered_driver_prepares_claims(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    prepared = kubelet.prepare("dra.net", (claim(1), claim(2)))
    assert [answer.claim for answer in prepared] == [claim(1), claim(2)]
    assert plugin.registered


def test_v1_is_listed_first_because_the_first_known_version_wins(
    kubelet: StandinKubelet, plugin: KubeletPlugin
) -> None:
    plugin.serve()
    plugin.register()
    assert kubelet.wait_registered("dra.net").version == "v1.DRAPlugin"
    info = dra_client.get_info(plugin.paths.registrar)
    assert list(info.supported_versions) == ["v1.DRAPlugin", "v1beta1.DRAPlugin"]
    assert (info.type, info.name, info.endpoint) == ("DRAPlugin", "dra.net", plugin.paths.service)


def test_an_older_kubelet_is_served_v1beta1(kubelet: StandinKubelet, plugin_at: Make) -> None:
    plugin = plugin_at(versions=("v1beta1.DRAPlugin",))
    plugin.serve()
    plugin.register()
    assert kubelet.wait_registered("dra.net").version == "v1beta1.DRAPlugin"
    assert kubelet.prepare("dra.net", (claim(),))[0].devices[0].device == "eth1"


def test_the_registrar_comes_last_and_only_after_the_service(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    with pytest.raises(Failure, match="not up yet"):
        plugin.register()
    plugin.serve()
    assert os.path.exists(plugin.paths.service)
    assert not os.path.exists(plugin.paths.registrar)
    assert kubelet.plugin("dra.net") is None


def test_a_driver_that_starts_late_is_found_without_waiting_for_a_retry(
    kubelet: StandinKubelet, plugin: KubeletPlugin
) -> None:
    with pytest.raises(Failure, match=r"DRA driver dra\.net is not registered"):
        kubelet.prepare("dra.net", (claim(),))
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    assert kubelet.prepare("dra.net", (claim(),))


def test_get_info_is_instant_while_every_hook_is_busy(
    kubelet: StandinKubelet, plugin: KubeletPlugin, hooks: RecordingHooks
) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    hooks.gate.clear()
    threads = [threading.Thread(target=kubelet.prepare, args=("dra.net", (claim(n),))) for n in range(20)]
    for thread in threads:
        thread.start()
    hooks.entered.wait(5)
    try:
        assert dra_client.get_info(plugin.paths.registrar).name == "dra.net"
    finally:
        hooks.gate.set()
        for thread in threads:
            thread.join()


def test_unprepare_is_not_queued_behind_prepares_that_wait(
    kubelet: StandinKubelet, plugin: KubeletPlugin, hooks: RecordingHooks
) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    hooks.gate.clear()
    threads = [threading.Thread(target=kubelet.prepare, args=("dra.net", (claim(n),))) for n in range(40)]
    threads.append(threading.Thread(target=kubelet.unprepare, args=("dra.net", (claim(99),))))
    for thread in threads:
        thread.start()
    try:
        assert _eventually(lambda: any(name == "unprepare" for name, _, _ in hooks.asked))
    finally:
        hooks.gate.set()
        for thread in threads:
            thread.join()


def test_every_registration_calls_back_for_a_restarted_kubelet_has_deleted_the_slices(
    kubelet: StandinKubelet, plugin_at: Make
) -> None:
    calls = threading.Semaphore(0)
    plugin = plugin_at(on_registered=calls.release)
    plugin.serve()
    plugin.register()
    assert calls.acquire(timeout=10)
    kubelet.stop()
    kubelet.start()
    assert calls.acquire(timeout=10)


def test_a_callback_that_waits_does_not_hold_up_the_kubelet(kubelet: StandinKubelet, plugin_at: Make) -> None:
    done = threading.Event()
    plugin = plugin_at(on_registered=lambda: [None, done.wait(30)][0])
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    assert plugin.registered
    done.set()


def test_a_refusal_is_kept_for_readiness_and_answered_with_success(plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    dra_client.notify(plugin.paths.registrar, "plugin validation failed")
    assert (plugin.registered, plugin.error) == (False, "plugin validation failed")
    dra_client.notify(plugin.paths.registrar, "")
    assert (plugin.registered, plugin.error) == (True, "")


def test_unknown_versions_are_refused_before_anything_is_served(plugin_at: Make) -> None:
    with pytest.raises(Failure, match=r"v9\.DRAPlugin: known are v1\.DRAPlugin, v1beta1\.DRAPlugin"):
        plugin_at(versions=("v9.DRAPlugin",))
    with pytest.raises(Failure, match="none"):
        plugin_at(versions=())


def test_stop_deregisters_first_lets_calls_finish_and_leaves_no_socket(
    kubelet: StandinKubelet, plugin: KubeletPlugin, hooks: RecordingHooks
) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    hooks.gate.clear()
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(len(kubelet.prepare("dra.net", (claim(),)))))
    caller.start()
    assert hooks.entered.wait(5)
    stopper = threading.Thread(target=plugin.stop)
    stopper.start()
    kubelet.wait_deregistered("dra.net")
    hooks.gate.set()
    stopper.join()
    caller.join()
    assert answers == [1]
    assert not os.path.exists(plugin.paths.service)
    assert not os.path.exists(plugin.paths.registrar)
    assert not plugin.registered


def test_stop_does_not_wait_for_a_hook_that_never_returns(plugin: KubeletPlugin, hooks: RecordingHooks) -> None:
    plugin.serve()
    plugin.register()
    hooks.gate.clear()
    failures: list[Failure] = []
    caller = threading.Thread(target=_prepare_into, args=(plugin, failures))
    caller.start()
    assert hooks.entered.wait(5)
    began = time.monotonic()
    plugin.stop()
    took = time.monotonic() - began
    hooks.gate.set()
    caller.join()
    assert took < 2
    assert failures[0].code is Code.UNAVAILABLE


def test_stop_can_be_repeated_and_the_plugin_started_again(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    plugin.stop()
    for _ in range(2):
        plugin.serve()
        plugin.register()
        kubelet.wait_registered("dra.net")
        plugin.stop()
        plugin.stop()
        kubelet.wait_deregistered("dra.net")


def test_two_instances_of_a_rolling_update_live_side_by_side(kubelet: StandinKubelet, plugin_at: Make) -> None:
    old, new = plugin_at(pod_uid="11111111-aaaa"), plugin_at(pod_uid="22222222-bbbb")
    for instance in (old, new):
        instance.serve()
        instance.register()
        assert _eventually(partial(_serves, kubelet, instance))
    new.stop()
    assert _eventually(partial(_serves, kubelet, old))


def _prepare_into(plugin: KubeletPlugin, failures: list[Failure]) -> None:
    known = dra_client.Plugin(driver="dra.net", endpoint=plugin.paths.service, version="v1.DRAPlugin")
    try:
        dra_client.prepare(known, (claim(),))
    except Failure as failure:
        failures.append(failure)


def _serves(kubelet: StandinKubelet, plugin: KubeletPlugin) -> bool:
    found = kubelet.plugin("dra.net")
    return found is not None and found.endpoint == plugin.paths.service


def _eventually(true: Callable[[], bool], timeout: float = 10.0) -> bool:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return true()
